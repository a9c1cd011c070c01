import Input

/// Where a fit takes `L_opt` of each row from.
public enum ReferenceSource: Sendable {
  /// The table's own column; the law then predicts relative to `L_opt` unless it has an anchor.
  case column
  /// A law of `N` and `D`.
  case law(ScalingLaw)
  /// A Chinchilla law fitted to the same rows.
  case fitted

  /// What fits to `rows` use: the reference itself, and how to complete points with it.
  public func prepared(
    for form: any LawForm.Type, _ table: TrainingTable
  ) throws -> (reference: LossReference?, complete: @Sendable (TrainingTable) -> TrainingTable) {
    guard form.referenceRole != .none else { return (nil, { $0 }) }
    let law: ScalingLaw
    switch self {
    case .column: return (nil, { $0 })
    case .law(let given): law = given
    case .fitted:
      law = try LawFit(
        Chinchilla.self, table, name: "reference", source: "fitted to the same rows"
      ).law
    }
    guard law.form.isOfSizeAndTokensAlone else {
      throw InputError(
        "reference", problem: "\(law.name) has form \(law.form.name)",
        expected: "a law of N and D alone, such as \(Chinchilla.name)")
    }
    return (
      .law(law),
      { table in
        var table = table
        for index in table.rows.indices {
          table.rows[index].point.reference = law.loss(table.rows[index].point)
        }
        return table
      }
    )
  }
}
