import Foundation

/// The clock that everything is timed with: monotonic, not slewed by time servers.
public enum SteadyClock {
  public static func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_RAW, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
