# A start script as people write them: the shell stays as the parent of what it starts, and dies of TERM by itself.
"$@"
exit $?
