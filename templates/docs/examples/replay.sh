floorwalker replay recordings --speed 20
