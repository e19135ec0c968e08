"""The live pages: a supervisor's floor and the admins' wallboard."""
