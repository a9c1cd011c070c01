import Machine

/// How long the rest will take, if its units take as long as those that are done.
struct RemainingTime {
  private var left: Int
  private var done = 0
  private var seconds = 0.0
  private var start = 0

  init(units: Int) { left = units }

  mutating func begin() { start = SteadyClock.nanoseconds() }

  mutating func end() {
    seconds += Double(SteadyClock.nanoseconds() - start) * 1e-9
    done += 1
    left -= 1
  }

  /// A unit that needed no measuring.
  mutating func skip() { left -= 1 }

  /// For the end of a line; empty while nothing is known.
  var text: String {
    guard done > 0 else { return "" }
    return ", \(Self.duration(seconds / Double(done) * Double(left))) left"
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(whole % 60) s"
    default: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
  }
}
