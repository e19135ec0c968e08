// A worker that says each second that it has passed. A browser slows down the timers of a hidden page, to one a minute
// after five minutes, but not those of its workers.

setInterval(() => postMessage(0), 1000);
