"""What is known of n8n and the services behind it: rules as data, a file for a class.

A line without indentation names a rule. The indented lines under it are its patterns: wordings of
one and the same error, so they share a group. Under `each` every pattern is a rule and group of its
own. `>` is an example of the pattern or rule above it, `!` a hint at the cause. The class is the
file's name up to a hyphen.

In a pattern `{}` stands for one word or value, `{v}` for what the masks took for a value, `{*}` for
one or more words. Where several rules fit, the one with the most words of its own wins. A pattern
is a whole message without its wrappers; letter case, punctuation and quotes are of no account, and
numbers, addresses and quoted parts are values anyway.
"""
