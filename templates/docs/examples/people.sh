PROJECT=https://<project>.supabase.co
SECRET_KEY_OF_PROJECT=sb_secret_…

floorwalker people export people.jsonl
while read -r person; do
  curl -fsSo /dev/null "$PROJECT/auth/v1/admin/users" -d "$person" -H "Content-Type: application/json" \
    -H "apikey: $SECRET_KEY_OF_PROJECT" -H "Authorization: Bearer $SECRET_KEY_OF_PROJECT"
done < people.jsonl
