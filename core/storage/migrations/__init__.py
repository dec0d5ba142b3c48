"""Changes of the database's shape, in order. They only go forward: the way back is the backup made before."""
