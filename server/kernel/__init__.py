"""The packages that every area uses: db, auth, http, live."""
