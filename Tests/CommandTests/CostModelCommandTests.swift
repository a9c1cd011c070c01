import Foundation
import TestSupport
import Testing

extension CommandTests {
  private func predictions(_ arguments: String...) throws -> [[String: Any]] {
    let outcome = try dyno(["predict"] + arguments + ["--output", "json"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try #require(
      JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
  }

  @Test func predictsOnADevice() throws {
    let entries = try predictions(
      "llama-3.2-1b", "surefire-1b", "--device", "a100-40gb", "--workload", "4096x1024", "--batch",
      "1,64", "--breakdown")
    #expect(entries.count == 4)
    for entry in entries {
      for key in [
        "output_tokens_per_second", "total_tokens_per_second", "ttft_s", "tpot_s",
        "peak_memory_bytes", "largest_batch",
      ] {
        #expect((entry[key] as? Double).map { $0 > 0 } == true, "\(key)")
      }
      let throughput = try #require(entry["output_tokens_per_second"] as? Double)
      let intervals = try #require(entry["interval90"] as? [String: [Double]])
      let interval = try #require(intervals["output_tokens_per_second"])
      #expect(interval[0] < throughput && throughput < interval[1])
      #expect((entry["operators"] as? [Any])?.isEmpty == false)
      #expect(entry["engine"] as? String == "vllm")
    }
  }

  /// Experts and latent attention: what is read, how it is routed, and how experts are shared.
  @Test func predictsMixtures() throws {
    let table = try dyno([
      "predict", "mixtral-8x7b", "deepseek-v2-lite", "--device", "h100-sxm", "--workload",
      "256x64", "--batch", "4", "--tensor-parallel", "2", "--expert-parallel", "2", "--routing",
      "0.5",
    ])
    #expect(table.code == 0, "\(table.errors)")
    #expect(table.output.contains("of 8 experts a layer, routed by Zipf's law of exponent 0.5"))
    #expect(table.output.contains("of 64 experts a layer"))
    #expect(table.output.contains("experts dealt over 2"))
    let entries = try predictions(
      "mixtral-8x7b", "--device", "h100-sxm", "--workload", "256x64", "--batch", "1,64",
      "--tensor-parallel", "2")
    let read = entries.compactMap { $0["experts_read_per_decode_step"] as? Double }
    #expect(read.count == 2 && read[0] == 2 && read[1] > 7.9 && read[1] <= 8)
    #expect(entries[0]["routing"] as? Double == 0 && entries[0]["expert_parallel"] as? Int == 1)
  }

  @Test func predictionsNameTheirEvidence() throws {
    let table = try dyno([
      "predict", "llama-2-7b", "--device", "a100-40gb", "--engine", "vllm-2024", "--workload",
      "512x512", "--batch", "8",
    ])
    #expect(table.code == 0, "\(table.errors)")
    #expect(table.output.contains("held out"))
    let unchecked = try dyno([
      "predict", "llama-2-7b", "--device", "mi300x", "--batch", "8",
    ])
    #expect(unchecked.output.contains("never checked"))
  }

  @Test(arguments: [
    (["llama-3.2-1b", "--device", "nosuch"], "nosuch"),
    (["llama-3.2-1b", "--device", "a100-40gb", "--engine", "nosuch"], "--engine"),
    (["llama-3.2-1b", "--device", "a100-40gb", "--dtype", "q4_0"], "--dtype"),
    (["llama-3.2-1b", "--device", "h100-sxm", "--dtype", "q4_k_m"], "--dtype"),
    (["llama-3.2-1b", "--device", "a100-40gb", "--routing", "1"], "--routing"),
    (["mixtral-8x7b", "--device", "h100-sxm", "--routing", "5"], "--routing"),
    (
      ["mixtral-8x7b", "--device", "h100-sxm", "--tensor-parallel", "4", "--expert-parallel", "3"],
      "--expert-parallel"
    ),
    (["llama-3.2-1b", "--device", "a100-40gb", "--workload", "4096"], "workload"),
    (["llama-3.2-1b", "--device", "a100-40gb", "--batch", "0"], "--batch"),
    (["llama-3.2-1b", "--device", "l40s", "--tensor-parallel", "0"], "--tensor-parallel"),
    (["llama-3.1-8b", "--device", "a100-40gb", "--workload", "9000000x9"], "does not fit"),
    (["llama-3.1-8b", "--device", "a100-40gb", "--workload", "9000000"], "such as 4096x1024"),
    (["qwen2.5-1.5b", "--device", "h100-sxm", "--tensor-parallel", "8"], "12 query heads"),
    (
      [
        Files.fixtures.appendingPathComponent("huggingface/gpt2").path, "--device", "h100-sxm",
        "--workload", "32x9",
      ], "embeddings for 40 positions"
    ),
    (["llama-3.2-1b", "--device", "h100-sxm", "--engine", "dyno"], "does not run on"),
    (["llama-3.2-1b", "--device", "h100-sxm", "--batch", "10000000"], "batch: is 10000000"),
    (
      [
        "llama-3.2-1b", "--device", "h100-sxm", "--batch", "1000000", "--workload",
        "10000000x10000000",
      ], "batch × tokens²"
    ),
  ])
  func badPredictionsAreRefused(arguments: [String], named: String) throws {
    let outcome = try dyno(["predict"] + arguments)
    #expect(outcome.code == 2)
    #expect(outcome.errors.contains(named), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(outcome.bytes.isEmpty)
  }

  /// Calibrated on a table, a device predicts; rows that cannot be used are counted and named.
  @Test func calibratesFromATable() throws {
    try Files.withTemporaryFolder { folder in
      // A device that reaches 70% of peak and bandwidth, after 5 µs.
      var rows = ["framework,device,op_name,gemm_dtype,m,n,k,latency"]
      for m in [1, 16, 256, 2048] {
        for n in [1024, 4096, 14336] {
          for k in [1024, 4096, 8192] {
            let compute = 2 * Double(m * n * k) / (0.7 * 989.4e12)
            let bytes = 2 * Double(m * k + k * n + m * n) / (0.7 * 3.35e12)
            rows.append("X,H100,gemm,bfloat16,\(m),\(n),\(k),\(1e3 * (5e-6 + max(compute, bytes)))")
          }
        }
      }
      rows.append("X,H100,gemm,bfloat16,8,8,8,oops")
      rows.append("X,H100,gemm,bfloat16,8192,8192,8192,0.0001")
      let table = folder.appendingPathComponent("gemm.csv").path
      try rows.joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
      let profile = folder.appendingPathComponent("h100.json").path
      let outcome = try dyno([
        "calibrate", table, "--device", "h100-sxm", "--write", profile, "--output", "json",
      ])
      #expect(outcome.code == 0, "\(outcome.errors)")
      let report = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      #expect((report["rejected"] as? [String])?.first?.contains("latency") == true)
      #expect((report["impossible"] as? [String])?.count == 1)
      let ladder = try #require(report["ladder"] as? [[String: Any]])
      let fitted = try #require(ladder.last)
      #expect(fitted["rung"] as? String == "operators")
      #expect(
        try #require(fitted["mean"] as? Double) < #require(ladder[0]["mean"] as? Double))
      #expect(try predictions("llama-3.2-1b", "--device", profile, "--batch", "1").count == 1)
      // A full disk costs the file, not what was found.
      let unwritten = try dyno(["calibrate", table, "--device", "h100-sxm", "--write", "/dev/full"])
      #expect(unwritten.code == 70 && unwritten.output.contains("operators"), "\(unwritten.errors)")
    }
  }

  @Test func nothingUsableIsSaid() throws {
    try Files.withTemporaryFolder { folder in
      let table = folder.appendingPathComponent("gemm.csv").path
      try "framework,device,op_name,gemm_dtype,m,n,k,latency\nX,Y,gemm,bfloat16,1,1,1,0\n"
        .write(toFile: table, atomically: true, encoding: .utf8)
      let outcome = try dyno(["calibrate", table, "--device", "h100-sxm"])
      #expect(outcome.code == 2)
      #expect(outcome.errors.contains("nothing usable"))
      #expect(outcome.errors.contains("row 2: latency"))
      // Nor is what was carried over a calibration by these rows.
      let profile = folder.appendingPathComponent("out.json").path
      for arguments in [[table], [table, "--only", "nosuch"]] {
        let carried = try dyno(
          ["calibrate"] + arguments
            + ["--device", "h100-sxm", "--from", "a100-80gb", "--write", profile])
        #expect(carried.code == 2 && carried.output.isEmpty)
        #expect(carried.errors.contains("nothing usable"))
        #expect(!FileManager.default.fileExists(atPath: profile))
      }
      // Rows of one group alone cannot be judged, so they are not fitted.
      let single = folder.appendingPathComponent("single.csv").path
      try """
      framework,device,op_name,gemm_dtype,m,n,k,latency
      X,Y,gemm,bfloat16,1,4096,4096,0.05
      X,Y,gemm,bfloat16,64,4096,4096,0.06
      """.write(toFile: single, atomically: true, encoding: .utf8)
      let unfitted = try dyno(["calibrate", single, "--device", "h100-sxm", "--write", profile])
      #expect(unfitted.code == 2 && unfitted.errors.contains("nothing was fitted"))
      #expect(!FileManager.default.fileExists(atPath: profile))
      let judged = try dyno(["calibrate", single, "--device", "h100-sxm"])
      #expect(judged.code == 0, "\(judged.errors)")
    }
  }

  /// Minutes of measuring are not lost to a name that is wrong: that is said before them.
  @Test func faultsAreSaidBeforeMeasuring() throws {
    try Files.withTemporaryFolder { folder in
      let table = folder.appendingPathComponent("gemm.csv").path
      try "framework,device,op_name,gemm_dtype,m,n,k,latency\nX,Y,gemm,bfloat16,1,1,1,1\n"
        .write(toFile: table, atomically: true, encoding: .utf8)
      let kept = folder.appendingPathComponent("kept").path
      for (arguments, fault) in [
        ([folder.path + "/nosuch.csv"], "nosuch.csv"), ([table], "was measured on a GPU"),
        (["--from", "nosuch"], "nosuch"), (["--workload", "1x1", "--batch", "0"], "--batch"),
        (["--only", "nosuch"], "--only"),
      ] {
        let outcome = try dyno(
          ["calibrate"] + arguments
            + ["--measure", "--device", "host", "--budget", "1s", "--measurements", kept])
        #expect(outcome.code == 2 && outcome.errors.contains(fault), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: kept))
      }
    }
  }
}
