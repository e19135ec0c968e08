// A worker that reports each second. A browser slows the timers of a hidden page down, to one per minute after five
// minutes, but not those of its workers.

setInterval(() => postMessage(0), 1000);
