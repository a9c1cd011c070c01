import Model

/// How devices share a layer's experts, and which rows fall on the busiest of them.
public struct ExpertPlacement: Hashable, Sendable {
  /// Devices over which experts are spread: each holds `count / expertParts` whole ones.
  public var expertParts: Int
  /// Devices over which each expert's columns are split.
  public var columnParts: Int
  public var routed: RoutedRows

  public init(expertParts: Int = 1, columnParts: Int = 1, routed: RoutedRows) {
    self.expertParts = expertParts
    self.columnParts = columnParts
    self.routed = routed
  }
}

/// Experts that kernels may have been tuned for: what one device holds of a layer.
public struct ExpertSizes: Hashable, Sendable {
  public var count: Int
  /// Of one expert.
  public var intermediateSize: Int

  public init(count: Int, intermediateSize: Int) {
    self.count = count
    self.intermediateSize = intermediateSize
  }
}
