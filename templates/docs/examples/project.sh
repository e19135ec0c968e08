export SUPABASE_URL=https://<project>.supabase.co
export SUPABASE_PUBLISHABLE_KEY=sb_publishable_…
export SUPABASE_SECRET_KEY=sb_secret_…
POOLER=<session pooler>:5432/postgres
export DATABASE_OWNER_URL=postgresql://postgres.<project>:<password>@$POOLER
export DATABASE_URL=postgresql://floorwalker_web.<project>:<its own password>@$POOLER
export PUBLIC_URL=https://floor.example.com
export SECRET_KEY=…   # openssl rand -base64 48; the same for every web process
