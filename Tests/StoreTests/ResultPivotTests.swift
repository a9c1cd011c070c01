import Formats
import Foundation
import Store
import Testing

@Suite struct ResultPivotTests {
  private func result(
    _ name: String, dtype: String = "bf16", generate: Int = 8, batch: Int = 1, _ rates: [Double],
    status: StoredResult.Status = .measured
  ) -> StoredResult {
    StoredResult(
      unit: nil, run: "r", status: status, finishedAt: "2026-01-02T03:04:05Z",
      record: """
        {"model_type": "\(name)", "type_weights": "\(dtype)", "type_k": "f16", "n_prompt": 0, \
        "n_gen": \(generate), "n_depth": 0, "n_sequences": \(batch), "n_threads": 2, \
        "build_commit": "c", "samples_ts": \(rates)}
        """)
  }

  /// Blocks are pooled, gaps stay gaps, failures do not count, and numbers stand by their size.
  @Test func poolsAndLaysOut() throws {
    let pivot = try ResultPivot(
      [
        result("b", batch: 16, [100, 300]), result("b", batch: 16, [200]),
        result("b", batch: 4, [50]), result("b", batch: 4, [], status: .failed),
        result("a", batch: 4, [70, 90, 80]), result("a", dtype: "q8_0", batch: 32, [9]),
      ], by: .batch)
    #expect(pivot.values == ["4", "16", "32"])
    #expect(pivot.fields == [.architecture, .dtype])
    #expect(pivot.rows.map(\.labels) == [["a", "bf16"], ["a", "q8_0"], ["b", "bf16"]])
    #expect(pivot.rows.map(\.rates) == [[80, nil, nil], [nil, nil, 9], [50, 200, nil]])
  }

  @Test func ofTests() throws {
    let pivot = try ResultPivot(
      [result("a", generate: 128, [1]), result("a", generate: 16, [2])], by: .test)
    #expect(pivot.values == ["tg16", "tg128"])
    #expect(pivot.fields == [.architecture])
    #expect(try ResultPivot([], by: .depth).rows.isEmpty)
  }
}
