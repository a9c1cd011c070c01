import Foundation
import Input

/// Whether rows can determine a form's parameters, before and after the fit.
enum Identifiability {
  static func check(_ form: any LawForm.Type, _ table: TrainingTable) throws {
    try checkPresence(form, table)
    let free = Coordinates(form).count
    guard table.rows.count > free else {
      throw InputError(
        table.name, problem: "has \(table.rows.count) rows for \(free) parameters of \(form.name)",
        expected: "at least \(free + 1) rows")
    }
    for feature in form.features {
      let values = Set(table.rows.map { feature.value(of: $0.point) })
      let needed = form.distinctValues[feature] ?? 1
      if values.count < needed {
        throw InputError(
          table.name,
          problem: values.count == 1
            ? "\(feature.symbol) has a single value, \(values.first!)"
            : "\(feature.symbol) has \(values.count) different values",
          expected: "at least \(needed)")
      }
    }
    if form.features.contains(.parameters), form.features.contains(.tokens) {
      try checkSizesCrossTokens(table)
    }
  }

  private static func checkPresence(_ form: any LawForm.Type, _ table: TrainingTable) throws {
    for row in table.rows {
      for feature in form.features where !feature.value(of: row.point).isFinite {
        throw InputError(
          table.name, "row \(row.line)", problem: "does not give \(feature.symbol)",
          expected: columns(for: feature, table))
      }
      if form.referenceRole != .none, !row.point.reference.isFinite {
        throw InputError(
          table.name, "row \(row.line)", problem: "does not give L_opt",
          expected: "a column reference_loss, or another reference")
      }
    }
  }

  /// The columns that would give it.
  private static func columns(for feature: Feature, _ table: TrainingTable) -> String {
    let all = TrainingTable.architectureColumns
    let missing = all.filter { !table.columns.contains($0) }
    let architecture =
      missing.count < all.count
      ? "the missing " + missing.joined(separator: ", ")
      : "config, or " + all.joined(separator: ", ")
    return switch feature {
    case .parameters: "parameters, or " + architecture
    case .tokens: "a column tokens, or training_flop"
    case .normalizedHiddenSize: "parameters and hidden_size, or " + architecture
    case .mlpToAttentionRatio: architecture
    case .aspectRatio: "hidden_size and num_hidden_layers"
    case .experts: "a column experts, or config"
    }
  }

  /// With tokens a power of parameters, as in D = 100·N, the two terms are one.
  private static func checkSizesCrossTokens(_ table: TrainingTable) throws {
    let n = table.rows.map { log($0.point.parameters) }
    let d = table.rows.map { log($0.point.tokens) }
    let meanN = n.reduce(0, +) / Double(n.count)
    let meanD = d.reduce(0, +) / Double(d.count)
    var (nn, dd, nd) = (0.0, 0.0, 0.0)
    for index in n.indices {
      nn += (n[index] - meanN) * (n[index] - meanN)
      dd += (d[index] - meanD) * (d[index] - meanD)
      nd += (n[index] - meanN) * (d[index] - meanD)
    }
    guard nd * nd < 0.999 * nn * dd else {
      throw InputError(
        table.name,
        problem:
          "tokens follow from parameters (correlation of logarithms \(String(format: "%.5f", nd / (nn * dd).squareRoot())))",
        expected: "several token counts at one size, to tell the terms in N and D apart")
    }
  }

  /// A run below the entropy floor contradicts the law: the rest of the loss is positive.
  static func checkFloor(
    _ form: any LawForm.Type, _ parameters: [Double], _ table: TrainingTable
  ) throws {
    guard let entropy = form.parameters.firstIndex(where: { $0.name == "E" }) else { return }
    for row in table.rows where row.loss <= parameters[entropy] {
      throw InputError(
        table.name, "row \(row.line)", "column loss",
        problem: "\(row.loss) is not above the entropy floor found, E = \(parameters[entropy])",
        expected: "a larger loss, or the row left out")
    }
  }
}
