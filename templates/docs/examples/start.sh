ask() {
  curl -sS --fail-with-body -H "Authorization: Bearer $FLOORWALKER_KEY" \
    -H "Content-Type: application/json" "$@"
}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

INTERACTION=$(ask "$FLOORWALKER_API/interactions" \
  -d '{"interaction_type": "voice", "phone_number": "+14155550123"}' | field id)
