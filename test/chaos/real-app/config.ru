require_relative 'echo'
run ECHO
