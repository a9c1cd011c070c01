import Model

/// Architectures side by side: a row a fact, a column an architecture.
public enum ArchitectureComparison {
  /// Room for the names of facts, and for each architecture's.
  private static let factColumns = 30
  private static let architectureColumns = 16

  /// As many tables as the page needs.
  public static func rendered(_ descriptions: [ArchitectureDescription]) -> String {
    let together = max(
      1,
      Page.columns.map { ($0 - factColumns) / architectureColumns } ?? descriptions.count)
    return stride(from: 0, to: descriptions.count, by: together).map { first in
      table(Array(descriptions[first..<min(first + together, descriptions.count)])).rendered()
    }.joined(separator: "\n\n")
  }

  private static func table(_ descriptions: [ArchitectureDescription]) -> Table {
    var table = Table([("", .left)] + descriptions.map { ($0.name, .right) })
    for (fact, value) in facts(of: descriptions[0]) {
      let values = descriptions.map(value)
      guard values.contains(where: { $0 != nil }) else { continue }
      table.add([fact] + values.map { $0 ?? "–" })
    }
    return table
  }

  private typealias Fact = (String, (ArchitectureDescription) -> String?)

  /// - Parameter first: whose settings name the facts; all have the same.
  private static func facts(of first: ArchitectureDescription) -> [Fact] {
    func count(_ value: Int) -> String { Quantity.count(Double(value)) }
    let sizes: [Fact] = [
      ("model type", { $0.modelType }),
      ("hidden size", { "\($0.hiddenSize)" }),
      ("intermediate size", { "\($0.intermediateSize)" }),
      ("layers", { "\($0.layers)" }),
      ("query heads", { "\($0.queryHeads)" }),
      ("KV heads", { $0.latentAttention == nil ? "\($0.keyValueHeads)" : nil }),
      ("head dimension", { $0.latentAttention == nil ? "\($0.headDimension)" : nil }),
      ("latent rank", { $0.latentAttention.map { "\($0.rank) + \($0.rotaryWidth)" } }),
      ("vocabulary", { "\($0.vocabularySize)" }),
      ("experts", { $0.experts.map { "\($0.active) of \($0.count)" } }),
      ("expert's intermediate size", { $0.experts.map { "\($0.intermediateSize)" } }),
    ]
    let counts: [Fact] = [
      ("parameters", { count($0.parameters) }),
      (
        "active parameters",
        { $0.activeParameters < $0.parameters ? count($0.activeParameters) : nil }
      ),
      ("non-embedding, N", { count($0.nonEmbeddingParameters) }),
      ("attention", { count($0.attentionParameters) }),
      ("MLP", { count($0.mlpParameters) }),
      ("MLP / attention, r", { Quantity.number($0.mlpToAttentionRatio) }),
      ("hidden size / √N", { Quantity.number($0.normalizedHiddenSize) }),
    ]
    let costs: [Fact] = [
      ("FLOPs a token at depth \(first.depth)", { Quantity.count($0.flopsPerToken) }),
      ("weight bytes a token", { "\(Quantity.bytes($0.weightBytesPerToken)) \($0.dtype)" }),
      ("KV bytes a token, \(first.cacheDtype)", { Quantity.bytes($0.kvBytesPerToken) }),
      ("KV bytes read at depth \(first.depth)", { Quantity.bytes($0.cacheBytesReadPerToken) }),
    ]
    let memory: [Fact] = ArchitectureDescription.common.map { format in
      (
        "memory in \(format)",
        { $0.weightMemoryBytes[format.rawValue].map { Quantity.bytes(Double($0)) } }
      )
    }
    return sizes + counts + costs + memory
  }
}
