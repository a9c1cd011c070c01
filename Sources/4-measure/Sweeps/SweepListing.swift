import Store

/// The cells of a plan and what a store holds of them.
public struct SweepListing: Sendable {
  public struct Row: Encodable, Sendable {
    /// The key on this host and for this build.
    public let cell: String
    public let block: Int
    public let name: String
    /// pending, measured or failed.
    public let state: String
  }

  /// In the order of measuring.
  public let rows: [Row]

  public init(
    _ plan: SweepPlan, _ states: [SweepUnit: ResultStore.UnitState], on site: MeasuringSite
  ) {
    let identities = plan.identities(on: site)
    rows = plan.units.map { unit in
      let key = identities[unit.cell].key
      let state = states[SweepUnit(cell: key, block: unit.block)] ?? .init()
      return Row(
        cell: key, block: unit.block, name: plan.cells[unit.cell].name,
        state: state.measured ? "measured" : state.failures > 0 ? "failed" : "pending")
    }
  }
}
