PORT=8001 floorwalker serve
