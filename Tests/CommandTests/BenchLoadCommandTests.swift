import Foundation
import TestSupport
import Testing

extension CommandTests {
  private func bench(_ arguments: String...) throws -> Outcome {
    try dyno(
      ["bench", Files.fixtures.appendingPathComponent("huggingface/qwen3").path] + arguments)
  }

  @Test func benchServesClosedLoops() throws {
    let outcome = try bench(
      "--workload", "8x4", "--concurrency", "1,3", "--repetitions", "1", "--threads", "1",
      "--random-weights", "--output", "json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let records = try #require(
      JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    #expect(records.compactMap { $0["concurrency"] as? Int } == [1, 3])
    #expect(records.compactMap { $0["requests"] as? Int } == [9, 27])
    // What predictions of a load print, of what can be measured.
    let predicted = try dyno(
      "predict", "smollm2-135m", "--device", "a100-80gb", "--workload", "8x4", "--concurrency", "1",
      "--output", "json")
    let prediction = try #require(
      (JSONSerialization.jsonObject(with: predicted.bytes) as? [[String: Any]])?.first)
    for key in [
      "architecture", "device", "engine", "policy", "load", "concurrency", "prompt", "generate",
      "requests", "ttft_s", "tpot_s", "itl_s", "latency_s", "output_tokens_per_second",
      "total_tokens_per_second", "requests_per_second", "time_shares", "most_sequences", "steps",
    ] {
      #expect(records.allSatisfy { $0[key] != nil }, "\(key) was not measured")
      #expect(prediction[key] != nil, "\(key) is not predicted")
    }
  }

  /// A stop ends a load with the rounds that it has; `EngineServingTests` count them.
  @Test func interruptedLoadsKeepTheirRounds() throws {
    let model = Files.fixtures.appendingPathComponent("huggingface/qwen3").path
    let outcome = try run(
      "/bin/sh",
      [
        "-c",
        "\(executable) bench \(model) --workload 8x4 --concurrency 1 --repetitions 1000000 "
          + "--threads 1 --random-weights -o json & sleep 5; kill -TERM $!; wait $!",
      ])
    #expect(outcome.code == 143, "\(outcome.errors)")
    let records = try #require(
      JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    #expect(records.count <= 1)
    #expect(
      outcome.errors.contains("stopped: what was measured until then is kept"),
      "\(outcome.errors)")
  }

  @Test(arguments: [
    (["--concurrency", "4"], "--workload"),
    (["--concurrency", "0", "--workload", "8x4"], "--concurrency"),
    (["--concurrency", "2", "--workload", "8x4", "--workload", "4x4"], "--workload"),
    (["--concurrency", "2", "--workload", "8x4", "--batch", "2"], "--batch"),
    (["--concurrency", "2", "--workload", "8x4", "-pg", "8,4"], "-pg"),
    (["--concurrency", "2", "--workload", "8x4", "--store", "x.db"], "--store"),
    (["--concurrency", "2", "--workload", "8x4", "--requests", "2"], "--requests"),
    (["--concurrency", "2", "--workload", "8x4", "--requests", "9000000000000000000"], "1000000"),
    (["--concurrency", "2", "--workload", "8x4", "--warm-up", "8"], "--warm-up"),
    (["--concurrency", "2", "--workload", "8x4", "--length-range", "0"], "--length-range"),
    (["--workload", "8x4", "--requests", "2"], "--requests"),
  ])
  func refusesClosedLoops(_ arguments: [String], _ option: String) throws {
    let outcome = try dyno(["bench", "smollm2-135m"] + arguments)
    #expect(outcome.code != 0 && outcome.errors.contains(option), "\(outcome.errors)")
  }
}
