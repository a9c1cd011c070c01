import Foundation
import Records

/// Appends what `dyno bench` measures to a store.
public struct BenchRecorder {
  private let store: ResultStore
  private let run: StoredRun

  /// Opens the store and notes that a run begins, so that a store that cannot be written is found
  /// out before the measuring.
  public init(store path: String) throws {
    store = try ResultStore(path, .writing)
    run = StoredRun(
      command: "bench",
      details: try RecordText.encode(["arguments": Array(CommandLine.arguments.dropFirst())]))
    try store.begin(run)
  }

  /// One transaction a record.
  public func append(_ records: [ThroughputRecord]) throws {
    for record in records {
      try store.append(
        StoredResult(
          unit: nil, run: run.id, status: .measured, finishedAt: Timestamp.now(),
          record: try RecordText.encode(record)))
    }
    try store.close()
  }
}

/// Points in time as stores write them.
public enum Timestamp {
  /// ISO 8601 in UTC, to the millisecond, so that results sort in the order they came.
  public static func now() -> String {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    return formatter.string(from: Date())
  }
}
