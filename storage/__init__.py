"""What lies on disk: the columns of attribution records, whole files, directories that are whole or not there."""
