//! The clock of the benchmarks: CPU time of the thread, because wall-clock time would include other work on the
//! machine.

use cpu_time::ThreadTime;
use std::time::Duration;

/// Returns the CPU time of this thread in `work`, which is called once for each counted item.
pub fn of<T>(counted: impl Iterator<Item = T>, mut work: impl FnMut(T)) -> Duration {
    let begun = ThreadTime::now();
    counted.for_each(&mut work);
    begun.elapsed()
}
