"""Drawings in a box of 16 by 16, as strokes in the colour of the text."""

ICONS = {
    "overview": '<path d="M2.5 9.5h3v4h-3zM6.5 5.5h3v8h-3zM10.5 2.5h3v11h-3z"/>',
    "workflows": '<circle cx="3.5" cy="8" r="1.75"/><circle cx="12.5" cy="3.75" r="1.75"/>'
    '<circle cx="12.5" cy="12.25" r="1.75"/><path d="M5.25 8h2c1.5 0 1.25-4.25 3.5-4.25"/>'
    '<path d="M7.25 8c1.5 0 1.25 4.25 3.5 4.25"/>',
    "executions": '<path d="M6 3.75h7.5M6 8h7.5M6 12.25h7.5"/><path d="M2.5 3.75h.5M2.5 8h.5M2.5'
    ' 12.25h.5"/>',
    "errors": '<path d="M8 2.25 14.25 13H1.75zM8 6.5v3M8 11.2v.1"/>',
    "environments": '<rect x="2.5" y="2.5" width="11" height="4.5" rx="1"/>'
    '<rect x="2.5" y="9" width="11" height="4.5" rx="1"/><path d="M5 4.75h.1M5 11.25h.1"/>',
    "alerts": '<path d="M6.5 13.25h3M8 2.25c-2.5 0-4 1.75-4 4v2.5L2.75 11h10.5"/>'
    '<path d="M8 2.25c2.5 0 4 1.75 4 4v2.5L13.25 11"/>',
    "settings": '<path d="M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6"/>'
    '<circle cx="10.25" cy="4.5" r="1.75"/><circle cx="5.75" cy="11.5" r="1.75"/>',
    "search": '<circle cx="7" cy="7" r="4.25"/><path d="m10.25 10.25 3.25 3.25"/>',
    "person": '<circle cx="8" cy="5.25" r="2.75"/>'
    '<path d="M2.75 13.5c.5-2.75 2.5-4 5.25-4s4.75 1.25 5.25 4"/>',
    "clock": '<circle cx="8" cy="8" r="5.75"/><path d="M8 4.75V8l2.25 1.5"/>',
    "tag": '<path d="M2.5 2.5h5l6 6-5 5-6-6zM5.25 5.25h.1"/>',
    "earlier": '<path d="M9.75 3.75 5.5 8l4.25 4.25"/>',
    "later": '<path d="M6.25 3.75 10.5 8l-4.25 4.25"/>',
    "close": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "open": '<path d="M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1"/><path d="M10.5 3.5v-1h-8v8h1"/>',
}
