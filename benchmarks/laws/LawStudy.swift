import Foundation

/// Prints the figures of `docs/scaling-laws.md`.
@main
enum LawStudy {
  static let usage = """
    usage: dyno-law-study published
           dyno-law-study speed
           dyno-law-study coverage FORM covariance|cases|residuals [REPEATS [SEED]]
    """

  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch arguments.first {
    case "published": try printPublished()
    case "speed": try printSpeed()
    case "coverage" where arguments.count >= 3:
      guard let study = CoverageStudy(form: arguments[1], intervals: arguments[2]) else { fail() }
      try study.printed(
        repeats: arguments.count > 3 ? Int(arguments[3]) ?? 0 : CoverageStudy.defaultRepeats,
        seed: arguments.count > 4 ? UInt64(arguments[4]) ?? 0 : 11)
    default: fail()
    }
  }

  private static func fail() -> Never {
    FileHandle.standardError.write(Data((usage + "\n").utf8))
    exit(2)
  }
}
