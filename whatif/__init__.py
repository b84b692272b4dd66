"""What a served model would say of a row that is a little different: a page that is served to one person alone."""
