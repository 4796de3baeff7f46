# A start script as people write them: the shell stays as the parent of the program, and SIGTERM kills only the shell.
"$@"
exit $?
