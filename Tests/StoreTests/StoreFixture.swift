import Foundation
import GRDB
import Records
import Store

/// A result as a sweep or a bench would store it; only the fields that stores look at.
func sampleResult(
  cell: String? = "a", block: Int = 0, run: String = "r", at second: Int = 0, rate: Double = 10,
  name: String = "tiny", dtype: String = "bf16", batch: Int = 1, depth: Int = 0,
  commit: String = "c0", failed: Bool = false
) -> StoredResult {
  let outcome =
    failed
    ? "\"failure\": {\"kind\": \"crash\", \"detail\": \"signal 11\"}"
    : "\"median_ts\": \(rate), \"samples_ns\": [1, 2, 3], \"a_later_field\": true"
  let record = """
    {"schema_version": \(ThroughputRecord.currentSchema), "model_type": "\(name)", \
    "type_weights": "\(dtype)", "type_k": "f16", \
    "n_sequences": \(batch), "n_depth": \(depth), "n_prompt": 16, "n_gen": 0, "n_threads": 1, \
    "build_commit": "\(commit)", \(outcome)}
    """
  return StoredResult(
    unit: cell.map { SweepUnit(cell: $0, block: block) }, run: run,
    status: failed ? .failed : .measured,
    finishedAt: "2026-01-01T00:00:\(second < 10 ? "0" : "")\(second).000Z", record: record)
}

func sampleRun(_ id: String = "r") -> StoredRun {
  StoredRun(id: id, command: "sweep", startedAt: "2026-01-01T00:00:00.000Z", details: "{}")
}

/// Changes a store behind our back.
func tamper(_ file: URL, _ statement: String) throws {
  let queue = try DatabaseQueue(path: file.path)
  try queue.writeWithoutTransaction { try $0.execute(sql: statement) }
  try queue.close()
}
