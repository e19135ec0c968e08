floorwalker backup today.dump
floorwalker restore today.dump
