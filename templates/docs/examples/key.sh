export FLOORWALKER_KEY=$(floorwalker agent-key create --agent "Voice Agent 1" | tail -n 1)
export FLOORWALKER_API=http://127.0.0.1:8000/api/v1
