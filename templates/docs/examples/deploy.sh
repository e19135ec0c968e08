floorwalker migrate
floorwalker psql -c '\password floorwalker_web'
floorwalker create-admin
floorwalker doctor
floorwalker serve
