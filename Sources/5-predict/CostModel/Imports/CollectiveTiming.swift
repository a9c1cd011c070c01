/// The time of one collective between devices of one kind.
public struct CollectiveTiming: Sendable {
  public var device: String
  public var shape: CollectiveShape
  /// Whether an engine chose what runs: its own kernel where that pays, the library else.
  public var isEngines: Bool
  public var seconds: Double
  /// Where the row is from.
  public var origin: String
}
