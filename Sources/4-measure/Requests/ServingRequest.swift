import Input

/// A request to a server: tokens in, tokens out.
public struct ServingRequest: Hashable, Sendable {
  public var input: Int
  public var output: Int
  /// Seconds from the start; of a closed loop's requests nothing.
  public var arrival: Double
  /// A text that its prompt begins with, as others' do, and its tokens.
  public var prefix: Prefix?

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
