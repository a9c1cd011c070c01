import Foundation
import TestSupport
import Testing

extension CommandTests {
  private func loads(_ arguments: String..., workload: String? = "512x64") throws
    -> [[String: Any]]
  {
    let outcome = try dyno(
      ["predict", "llama-3.1-8b", "--device", "h100-sxm"]
        + (workload.map { ["--workload", $0] } ?? []) + arguments + ["--output", "json"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try #require(
      JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
  }

  @Test(arguments: ["vllm", "sglang", "tensorrt-llm", "trtllm", "vllm-2024"])
  func predictsClosedLoops(_ engine: String) throws {
    let entries = try loads("--engine", engine, "--concurrency", "1,8,64", "--price", "2.5/h")
    #expect(entries.compactMap { $0["concurrency"] as? Int } == [1, 8, 64])
    var throughputs: [Double] = []
    for entry in entries {
      for key in ["ttft_s", "tpot_s", "itl_s", "latency_s"] {
        let figures = try #require(entry[key] as? [String: Double])
        #expect(Set(figures.keys) == ["mean", "p50", "p90", "p99"])
        #expect(figures["mean"]! > 0 && figures["p50"]! <= figures["p99"]!)
      }
      let intervals = try #require(entry["interval90"] as? [String: [Double]])
      let mean = try #require((entry["ttft_s"] as? [String: Double])?["mean"])
      #expect(intervals["ttft_s"]![0] < mean && mean < intervals["ttft_s"]![1])
      let shares = try #require(entry["time_shares"] as? [String: Double])
      #expect(abs(shares.values.reduce(0, +) - 1) < 1e-6)
      let throughput = try #require(entry["output_tokens_per_second"] as? Double)
      // 2.5 an hour over the tokens of an hour.
      let cost = try #require(entry["cost_per_million_output_tokens"] as? Double)
      #expect(abs(cost * throughput * 3600 / 2.5e6 - 1) < 1e-9)
      throughputs.append(throughput)
    }
    #expect(throughputs == throughputs.sorted())
  }

  @Test func predictsRatesAndServiceLevels() throws {
    let entry = try #require(
      loads("--rate", "2/s", "--requests", "100", "--slo", "ttft=500ms,tpot=30ms").first)
    let level = try #require(entry["slo"] as? [String: Any])
    #expect(level["attainment"] as? Double == 1)
    #expect(try #require(level["highest_requests_per_second"] as? Double) > 2)
    let none = try #require(
      loads("--rate", "2/s", "--requests", "100", "--slo", "tpot=1ms").first?["slo"]
        as? [String: Any])
    #expect(
      none["highest_requests_per_second"] == nil || none["highest_requests_per_second"] is NSNull)
    #expect(try #require(none["nearest_excess"] as? Double) > 1)
    let beyond = try dyno([
      "predict", "llama-3.1-8b", "--device", "h100-sxm", "--workload", "512x64", "--rate", "5000/s",
    ])
    #expect(beyond.code != 0)
    #expect(beyond.errors.contains("--rate: is 5e+03/s") && beyond.errors.contains("at most"))
  }

  @Test func predictsTraces() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "\(UUID().uuidString)-trace.csv"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "TIMESTAMP,ContextTokens,GeneratedTokens\n0,100,10\n0.5,200,1\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let entry = try #require(loads("--trace", path, workload: nil).first)
    #expect(entry["requests"] as? Int == 2)
    try "arrival,input,output\n1,100,10\n0.5,200,1\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let refused = try dyno([
      "predict", "llama-3.1-8b", "--device", "h100-sxm", "--trace", path,
    ])
    #expect(refused.code != 0 && refused.errors.contains("row 3: arrival: goes back"))
  }

  @Test(arguments: [
    ["--concurrency", "0"], ["--concurrency", "4", "--rate", "2/s"], ["--slo", "ttft=1s"],
    ["--warm-up", "3"], ["--host-constants", "x.json"],
    ["--concurrency", "4", "--burstiness", "2"],
    ["--concurrency", "4", "--warm-up", "40"], ["--concurrency", "4", "--length-range", "0"],
    ["--rate", "-2/s"], ["--concurrency", "4", "--slo", "ttft=fast"],
    ["--concurrency", "4", "--depth", "16"], ["--concurrency", "4", "--pipeline-parallel", "2"],
  ])
  func refusesLoads(_ arguments: [String]) throws {
    let outcome = try dyno(
      ["predict", "llama-3.1-8b", "--device", "h100-sxm", "--workload", "64x8"] + arguments)
    #expect(outcome.code != 0 && !outcome.errors.isEmpty)
  }
}
