import Foundation
import TestSupport
import Testing

extension CommandTests {
  private static let header =
    "backend,backend_version,model_path,system,precision,isl,osl,gemm_quant_mode,batch_size,"
    + "tp_size,pp_size,silicon_ttft_ms,silicon_tpot_ms\n"

  private func fitted(_ rows: String, _ arguments: String...) throws -> Outcome {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("runs.csv")
      try Data((Self.header + rows).utf8).write(to: file)
      return try dyno(
        ["calibrate", "--serving", file.path, "--engine", "vllm", "--model", "llama-3.1-8b"]
          + arguments)
    }
  }

  /// Runs of other models and devices are not fitted as if they were those asked for.
  @Test func servingRunsOfOthersAreLeftOut() throws {
    let own = [4, 16].map {
      "vllm,0.14.0,meta-llama/Llama-3.1-8B,h100_sxm,bf16,512,64,bf16,\($0),1,1,40,\(7 + $0 / 8)\n"
    }.joined()
    let others = """
      vllm,0.14.0,meta-llama/Llama-3.1-70B,h100_sxm,fp8,512,64,fp8,4,1,1,400,40
      vllm,0.14.0,meta-llama/Llama-3.1-8B,l40s,bf16,512,64,bf16,4,1,1,150,25
      vllm,0.14.0,Some/Thing-8x7B,h100_sxm,bf16,512,64,bf16,4,1,1,150,25

      """
    let outcome = try fitted(own + others, "--device", "h100-sxm")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("2 runs of llama-3.1-8b"), "\(outcome.output)")
    for other in ["model meta-llama/Llama-3.1-70B", "device l40s", "model Some/Thing-8x7B"] {
      #expect(outcome.errors.contains("left out: 1 run of \(other)"), "\(outcome.errors)")
    }
    let none = try fitted(own, "--device", "l4")
    #expect(none.code == 2 && none.errors.contains("on l4 by vllm is in them"), "\(none.errors)")
    let narrow = try fitted(own.replacing(",bf16,4,", with: ",int3,4,"), "--device", "h100-sxm")
    #expect(narrow.code == 2 && narrow.errors.contains("int3"), "\(narrow.errors)")
  }

  /// Runs that cannot have been served say nothing of constants: a fit to nothing but them would be the
  /// prior, with an error of 0%.
  @Test func servingRunsThatDoNotFitAreLeftOut() throws {
    let own = "vllm,0.14.0,meta-llama/Llama-3.1-8B,h100_sxm,bf16,512,64,bf16,4,1,1,40,7\n"
    let tooLong = "vllm,0.14.0,meta-llama/Llama-3.1-8B,l4,bf16,120000,64,bf16,4,1,1,40,7\n"
    let none = try fitted(tooLong, "--device", "l4")
    #expect(none.code == 2 && none.errors.contains("can be served"), "\(none.errors)")
    let both = try fitted(
      own + tooLong.replacing("l4", with: "h100_sxm").replacing("120000", with: "900000"),
      "--device", "h100-sxm")
    #expect(both.code == 0 && both.output.contains("1 runs of"), "\(both.output)")
    #expect(both.errors.contains("left out: ") && both.errors.contains("row 3"), "\(both.errors)")
  }

  /// TensorRT-LLM is not a place short where no run showed it.
  @Test func fewClientsDoNotWaitForAPlace() throws {
    let outcome = try dyno(
      "predict", "llama-3.1-8b", "--device", "h100-sxm", "--engine", "tensorrt-llm",
      "--workload", "1024x128", "--concurrency", "1,2,4", "--output", "json")
    let entries = try #require(
      JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    let means = try entries.map {
      try #require(($0["ttft_s"] as? [String: Double])?["mean"])
    }
    #expect(means[2] < 4 * means[0], "\(means)")
  }
}
