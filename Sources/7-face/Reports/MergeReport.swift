/// What `dyno merge` did.
public struct MergeReport: Encodable, Sendable {
  public struct Row: Encodable, Sendable {
    public let store: String
    /// Results that were new.
    public let added: Int

    public init(store: String, added: Int) {
      self.store = store
      self.added = added
    }
  }

  public let rows: [Row]
  public let into: String
  /// Results that the store holds now.
  public let total: Int

  public init(rows: [Row], into: String, total: Int) {
    self.rows = rows
    self.into = into
    self.total = total
  }

  public var table: String {
    var table = Table([("store", .left), ("new results", .right)])
    for row in rows { table.add([row.store, "\(row.added)"]) }
    return table.rendered() + "\n\n\(OutputText.terminal(into)) holds \(total) results"
  }
}
