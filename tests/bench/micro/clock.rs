//! The clock of the benchmarks: CPU time of the thread, for other work on the machine would count as its own on the
//! clock on the wall.

use cpu_time::ThreadTime;
use std::time::Duration;

/// CPU time of this thread in `work`, done once for each of what is counted.
pub fn of<T>(counted: impl Iterator<Item = T>, mut work: impl FnMut(T)) -> Duration {
    let begun = ThreadTime::now();
    counted.for_each(&mut work);
    begun.elapsed()
}
