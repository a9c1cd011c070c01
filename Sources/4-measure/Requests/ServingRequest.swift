import Input

/// A request to a server: tokens in, tokens out.
public struct ServingRequest: Hashable, Sendable {
  public var input: Int
  public var output: Int
  /// Seconds from the start; of a closed loop's requests nothing.
  public var arrival: Double
  /// A text that its prompt begins with, as others' do, and its tokens.
  public var prefix: Prefix?

  /// How many a load may have: more are a mistake, and each is kept with what became of it.
  public static let counts = 1...1_000_000

  /// - Throws: `InputError` for more or fewer requests than a load may have.
  public static func check(count: Int) throws {
    guard counts.contains(count) else {
      throw InputError(
        "requests", problem: "is \(count)",
        expected: "\(counts.lowerBound) to \(counts.upperBound)")
    }
  }

  public struct Prefix: Hashable, Sendable {
    public var name: String
    public var tokens: Int

    public init(name: String, tokens: Int) {
      self.name = name
      self.tokens = tokens
    }
  }

  /// Tokens of one request: what no model's positions come near.
  public static let lengths = 1...(1 << 24)

  public init(input: Int, output: Int, arrival: Double = 0, prefix: Prefix? = nil) {
    self.input = input
    self.output = output
    self.arrival = arrival
    self.prefix = prefix
  }
}
