import Input
import Numerics

/// How long requests are whose lengths no trace gives.
public struct LengthDistribution: Hashable, Sendable {
  /// Longest.
  public var input: Int
  public var output: Int
  /// Lengths are uniform in `[share·n, n]`, as `--random-range-ratio` of benchmark clients has it.
  public var least: Double

  /// - Throws: `InputError` that names the field.
  public init(input: Int, output: Int, least: Double = 1) throws {
    for (field, value) in [("input", input), ("output", output)] {
      guard ServingRequest.lengths.contains(value) else {
        throw InputError(
          field, problem: "is \(value)",
          expected: "1 to \(ServingRequest.lengths.upperBound) tokens")
      }
    }
    guard least > 0, least <= 1 else {
      throw InputError("length_range", problem: "is \(least)", expected: "more than 0, at most 1")
    }
    self.input = input
    self.output = output
    self.least = least
  }

  /// Tokens of a request on average.
  package var means: (input: Double, output: Double) {
    func mean(_ longest: Int) -> Double { Double(shortest(longest) + longest) / 2 }
    return (mean(input), mean(output))
  }

  private func shortest(_ longest: Int) -> Int {
    max(1, Int((least * Double(longest)).rounded()))
  }

  /// `count` requests.
  public func requests(_ count: Int, seed: UInt64) -> [ServingRequest] {
    guard least < 1 else {
      return Array(repeating: ServingRequest(input: input, output: output), count: count)
    }
    var random = SeededGenerator(seed: seed)
    func length(_ longest: Int) -> Int {
      Int.random(in: shortest(longest)...longest, using: &random)
    }
    return (0..<count).map { _ in
      let input = length(input)
      return ServingRequest(input: input, output: length(output))
    }
  }
}
