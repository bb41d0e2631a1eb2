"""From an n8n error to its class and its group.

Pure text work without Django, network or clock: the same error gives the same answer on every
machine and in every order. The way of a message: `text.pick` chooses the cause, `secrets.scrub`
removes what nobody may read, `unwrap` takes wrappers off, `masks` turns values into placeholders,
`rules` knows sentences, `words` judges the rest, `fingerprint.classify` puts it together.
"""
