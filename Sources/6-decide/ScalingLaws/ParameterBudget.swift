import Model

/// Which non-embedding parameters a budget counts. Of a dense model both are all of them.
public enum ParameterBudget: String, CaseIterable, Codable, Sendable {
  /// All that there are.
  case total
  /// Those that a token is multiplied with.
  case active
}

extension ParameterCounts {
  /// `N` as a budget counts it.
  public func count(_ budget: ParameterBudget) -> Int {
    budget == .total ? nonEmbedding : activeNonEmbedding
  }
}
