"""What a person would ask first when something seems wrong, asked by `manage.py doctor`."""
