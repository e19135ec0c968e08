select cron.schedule(
  'floorwalker-' || step, '1 seconds', format('select private.sweep(%L)', step))
from unnest(array['expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions',
  'leftovers']) step;
