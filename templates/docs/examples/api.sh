export FLOORWALKER_API=http://127.0.0.1:8000/api/v1
export FLOORWALKER_KEY=fw_…   # printed by: floorwalker agent-key create
INTERACTION=…                 # the id that POST /interactions answered
PERMISSION=…                  # the id that POST …/tool-permissions answered
DIGEST=…                      # its arguments_digest
EXECUTION=…                   # the execution_id that the claim answered
