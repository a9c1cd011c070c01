import Foundation

/// One row of a store: what a run of a test gave.
public struct StoredResult: Sendable, Equatable {
  public enum Status: String, Sendable { case measured, failed }

  /// Which unit of a sweep it is; `nil` for `dyno bench`.
  public var unit: SweepUnit?
  /// The run that it belongs to.
  public var run: String
  public var status: Status
  /// ISO 8601, UTC.
  public var finishedAt: String
  /// The JSON of a `ThroughputRecord`, or of a `FailureRecord`, in one line and with every field
  /// that its writer knew.
  public var record: String

  public init(
    unit: SweepUnit?, run: String, status: Status, finishedAt: String, record: String
  ) {
    self.unit = unit
    self.run = run
    self.status = status
    self.finishedAt = finishedAt
    self.record = record
  }

  /// Names the row by its content: the same row in two stores is the same result.
  var uid: String {
    ContentHash.hex(
      [
        unit?.cell ?? "", unit.map { "\($0.block)" } ?? "", run, status.rawValue, finishedAt,
        record,
      ].joined(separator: "\n"))
  }
}

/// A cell of a sweep in one of its blocks.
public struct SweepUnit: Hashable, Sendable {
  /// The cell's key.
  public var cell: String
  /// From 0.
  public var block: Int

  public init(cell: String, block: Int) {
    self.cell = cell
    self.block = block
  }
}

/// An invocation of Dyno that wrote into a store.
public struct StoredRun: Sendable, Equatable {
  public var id: String
  /// `bench` or `sweep`.
  public var command: String
  /// ISO 8601, UTC.
  public var startedAt: String
  /// JSON: for a sweep its specification, seed and shard.
  public var details: String

  public init(id: String, command: String, startedAt: String, details: String) {
    self.id = id
    self.command = command
    self.startedAt = startedAt
    self.details = details
  }

  /// A run that starts now.
  public init(command: String, details: String) {
    self.init(
      id: UUID().uuidString.lowercased(), command: command, startedAt: Timestamp.now(),
      details: details)
  }
}
