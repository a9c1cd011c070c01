import Foundation
import TestSupport
import Testing

extension CommandTests {
  private static let search = [
    "search", "--parameters", "llama-3.2-1b", "--tokens", "100B", "--law", "conditional-80m-297m",
    "--device", "a100-40gb",
  ]

  /// The same with options of one's own, which replace those of the same name.
  private static func search(_ own: [String]) -> [String] {
    var arguments = search
    for name in own {
      if let place = arguments.firstIndex(of: name), name.hasPrefix("--") {
        arguments.removeSubrange(place...place + 1)
      }
    }
    return arguments + own
  }

  @Test func searchesUnderALossTarget() throws {
    try Files.withTemporaryFolder { folder in
      let configs = folder.appendingPathComponent("configs").path
      let outcome = try dyno(
        Self.search + [
          "--target-loss", "llama-3.2-1b", "--workload", "4096x1024", "--batch", "128",
          "--max-gqa", "9", "--hidden-multiple", "256", "--count", "3", "--front", "memory",
          "--write-configs", configs, "--output", "json",
        ])
      #expect(outcome.code == 0, "\(outcome.errors)")
      let result = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      let baseline = try #require(result["baseline"] as? [String: Any])
      #expect(baseline["gain"] as? Double == 1)
      let candidates = try #require(result["candidates"] as? [[String: Any]])
      #expect(candidates.count == 3)
      for candidate in candidates {
        #expect(candidate["meets_target"] as? Bool == true)
        let throughput = try #require(candidate["throughput"] as? Double)
        let interval = try #require(candidate["interval"] as? [Double])
        #expect(interval[0] < throughput && throughput < interval[1])
        #expect(candidate["gqa_verified"] is Bool)
        #expect((candidate["architecture"] as? [String: Any])?["hidden_size"] is Int)
        let name = try #require(candidate["name"] as? String)
        let described = try dyno("describe", "\(configs)/\(name)", "--output", "json")
        #expect(described.code == 0, "\(described.errors)")
      }
      #expect((result["front"] as? [Any])?.isEmpty == false)
      #expect((result["memory_front"] as? [Any])?.isEmpty == false)
    }
  }

  /// Figures under a load are those that `predict` prints of the same server.
  @Test func searchesUnderLoad() throws {
    try Files.withTemporaryFolder { folder in
      let configs = folder.appendingPathComponent("configs").path
      let server = ["--workload", "1024x64", "--concurrency", "8", "--slo", "ttft=500ms,tpot=20ms"]
      let outcome = try dyno(
        Self.search + server + [
          "--target-loss", "llama-3.2-1b", "--hidden-multiple", "512", "--tolerance", "3%",
          "--dtype", "int8", "--price", "2.5/h", "--objective", "cost", "--count", "1",
          "--write-configs", configs, "--output", "json",
        ])
      #expect(outcome.code == 0, "\(outcome.errors)")
      let result = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      let simulation = try #require(result["simulation"] as? [String: Any])
      #expect((simulation["simulated"] as? Int ?? 0) > 0)
      let first = try #require((result["candidates"] as? [[String: Any]])?.first)
      let load = try #require(
        (first["served"] as? [[String: Any]])?.first?["load"] as? [String: Any])
      #expect(load["meets_slo"] as? Bool == true)
      let name = try #require(first["name"] as? String)
      let predicted = try dyno(
        [
          "predict", "\(configs)/\(name)", "--device", "a100-40gb", "--dtype", "int8", "--price",
          "2.5/h",
        ]
          + server + ["--output", "json"])
      #expect(predicted.code == 0, "\(predicted.errors)")
      let entry = try #require(
        (JSONSerialization.jsonObject(with: predicted.bytes) as? [[String: Any]])?.first)
      for key in ["output_tokens_per_second", "cost_per_million_output_tokens"] {
        let (searched, alone) = (load[key] as? Double ?? 0, entry[key] as? Double ?? 1)
        #expect(abs(searched / alone - 1) < 1e-9, "\(key): \(searched), \(alone)")
      }
    }
    let refused = try dyno(
      Self.search + ["--target-loss", "llama-3.2-1b", "--concurrency", "8", "--verify", "host"])
    #expect(refused.code == 2 && refused.errors.contains("--verify: measures static batches"))
  }

  /// What differs from layer to layer is written, described and benchmarked like any other.
  @Test func searchesVaryLayers() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let configs = folder.appendingPathComponent("configs").path
      let outcome = try dyno(
        "search", "--parameters", config.path, "--law", "conditional-80m-297m", "--tokens", "1B",
        "--target-loss", "20", "--device", "a100-40gb", "--workload", "64x16", "--batch", "4",
        "--hidden-multiple", "32", "--intermediate-multiple", "32", "--tolerance", "5%",
        "--attention-free", "2", "--windows", "1:1x16", "--shared-pairs", "true", "--count", "1",
        "--write-configs", configs, "--output", "json")
      #expect(outcome.code == 0, "\(outcome.errors)")
      let result = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      let candidates = try #require(result["candidates"] as? [[String: Any]])
      let first = try #require(candidates.first)
      #expect(first["pattern_verified"] as? Bool == false)
      let name = try #require(first["name"] as? String)
      #expect(name.hasSuffix("-free2-w16x1:1-pairs"))
      let written = try #require(
        JSONSerialization.jsonObject(
          with: Data(contentsOf: URL(fileURLWithPath: "\(configs)/\(name)/config.json")))
          as? [String: Any])
      #expect(written["model_type"] as? String == "shishulm")
      #expect(written["attention_free_layers"] as? [Int] == [1, 2])
      #expect(written["shared_layers"] as? [[Int]] == [[2, 1]])
      let bench = try dyno(
        "bench", "\(configs)/\(name)", "--prompt", "32", "--generate", "4", "--repetitions", "1",
        environment: ["XDG_CACHE_HOME": folder.path])
      #expect(bench.code == 0, "\(bench.errors)")
    }
  }

  /// Mixtures are found, written in a family that others load, described and benchmarked.
  @Test func searchesVaryExperts() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let configs = folder.appendingPathComponent("configs").path
      let outcome = try dyno(
        "search", "--parameters", config.path, "--law", "conditional-80m-297m", "--tokens", "1B",
        "--target-loss", "20", "--device", "a100-40gb", "--workload", "64x16", "--batch", "4",
        "--hidden-multiple", "32", "--intermediate-multiple", "32", "--tolerance", "5%",
        "--experts", "4", "--active-experts", "2,8", "--shared-experts", "1", "--dense-layers", "1",
        "--rule", "granularity > 1 and weight_gib < 1", "--count", "1", "--write-configs", configs,
        "--output", "json")
      #expect(outcome.code == 0, "\(outcome.errors)")
      let result = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      #expect(result["parameter_budget"] as? String == "total")
      #expect(result["combinations_left_out"] as? Int == 1)
      let first = try #require((result["candidates"] as? [[String: Any]])?.first)
      let name = try #require(first["name"] as? String)
      #expect(name.hasSuffix("-x4a2s1-dense1"))
      #expect(first["experts_verified"] as? Bool == false)
      let (all, active) = (first["parameters"] as? Int, first["active_parameters"] as? Int)
      #expect(try abs(Double(#require(all)) / 589_824 - 1) <= 0.05)
      let written = try #require(
        JSONSerialization.jsonObject(
          with: Data(contentsOf: URL(fileURLWithPath: "\(configs)/\(name)/config.json")))
          as? [String: Any])
      #expect(written["model_type"] as? String == "glm4_moe")
      #expect(written["n_routed_experts"] as? Int == 4)
      #expect(written["first_k_dense_replace"] as? Int == 1)
      let described = try dyno("describe", "\(configs)/\(name)", "--output", "json")
      #expect(described.code == 0, "\(described.errors)")
      #expect(described.output.contains("\(try #require(active))"))
      let bench = try dyno(
        "bench", "\(configs)/\(name)", "--prompt", "32", "--generate", "4", "--repetitions", "1",
        environment: ["XDG_CACHE_HOME": folder.path])
      #expect(bench.code == 0, "\(bench.errors)")
    }
  }

  static let tiny = """
    {"model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 4,
     "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 256,
     "tie_word_embeddings": true}
    """

  @Test func searchTablesExplainThemselves() throws {
    let outcome = try dyno(Self.search + ["--target-loss", "2.8", "--hidden-multiple", "512"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    for part in ["unverified in loss", "covariance", "within noise", "Loss against throughput"] {
      #expect(outcome.output.contains(part), "\(part)")
    }
  }

  @Test func searchesReadASpecification() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("search.yaml")
      try """
      parameters: llama-3.2-1b
      tokens: 100B
      law: conditional-80m-297m
      target_loss: llama-3.2-1b
      rules:
        - intermediate_size <= 3 * hidden_size
        - hidden_size % 512 == 0
      scenarios:
        - {device: a100-40gb, workload: 4096x1024, batch: 32}
        - {device: h100-sxm, workload: 1024x256, batch: 64}
      """.write(to: file, atomically: true, encoding: .utf8)
      let outcome = try dyno("search", "--spec", file.path, "--output", "json")
      #expect(outcome.code == 0, "\(outcome.errors)")
      let result = try #require(
        JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
      #expect((result["scenarios"] as? [Any])?.count == 2)
      for candidate in try #require(result["candidates"] as? [[String: Any]]) {
        let config = try #require(candidate["architecture"] as? [String: Any])
        let (d, f) = (config["hidden_size"] as? Int, config["intermediate_size"] as? Int)
        #expect(try #require(f) <= 3 * #require(d))
      }
    }
  }

  @Test(arguments: [
    (["--target-loss", "2.5"], "least loss"),
    (["--target-loss", "llama-3.2-1b", "--rule", "hidden_size < 100"], "hidden_size < 100"),
    (["--target-loss", "llama-3.2-1b", "--rule", "hidden_size <"], "column"),
    (["--target-loss", "llama-3.2-1b", "--batch", "0"], "batch"),
    (["--target-loss", "llama-3.2-1b", "--store", "x.db"], "--verify host"),
    (["--target-loss", "llama-3.2-1b", "--spec", "/nosuch.yaml"], "/nosuch.yaml"),
    (["--target-loss", "llama-3.2-1b", "--gqa-losses", "/nosuch.csv"], "/nosuch.csv"),
    (["--target-loss", "llama-3.2-1b", "--layers", "20-12"], "expected counts or ranges"),
    (["--target-loss", "llama-3.2-1b", "--tolerance", "5"], "expected a share such as 5%"),
    (["--target-loss", "llama-3.2-1b", "--workload", "4096"], "such as 4096x1024"),
    (["--target-loss", "llama-3.2-1b", "--batch", "x"], "a count such as 512"),
    (["--target-loss", "llama-3.2-1b", "--max-gqa", "no"], "or free"),
    (["--target-loss", "llama-3.2-1b", "--windows", "5:1"], "such as 5:1x512"),
    (["--target-loss", "llama-3.2-1b", "--attention-free", "1.5"], "a share such as 0.25"),
    (["--target-loss", "llama-3.2-1b", "--attention-free", "16"], "leaves none of 16 layers"),
    (["--target-loss", "llama-3.2-1b", "--experts", "8"], "--active-experts: is missing"),
    (["--target-loss", "llama-3.2-1b", "--experts", "4", "--active-experts", "8"], "at most 4"),
    (["--target-loss", "llama-3.2-1b", "--experts", "many"], "a count such as 512"),
    (["--target-loss", "llama-3.2-1b", "--granularity", "4"], "--experts: is missing"),
    (["--target-loss", "llama-3.2-1b", "--parameter-budget", "all"], "active"),
    (["--target-loss", "llama-3.2-1b", "--budget", "10"], "a duration such as"),
    (["--target-loss", "2.8", "--parameters", "600M"], "--baseline"),
    (["--target-loss", "2.8", "--rule", "memory_gb < 3"], "memory_gib?"),
    (["--target-loss", "llama-3.2-1b", "--budget", "5m"], "--budget: is given without --verify"),
    (["--target-loss", "llama-3.2-1b", "--pairs", "3"], "--pairs: is given without --verify"),
    (["--target-loss", "llama-3.2-1b", "--seed", "0"], "--seed: is given without --verify"),
    (["--target-loss", "llama-3.2-1b", "--tolerance", "40%"], "up to 10%"),
  ])
  func badSearchesAreRefused(arguments: [String], named: String) throws {
    let outcome = try dyno(Self.search(arguments))
    #expect(outcome.code == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains(named), "\(outcome.errors)")
  }

  @Test func aLoopMeasuresOnThisMachine() throws {
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("tiny.json")
      try Self.tiny.write(to: config, atomically: true, encoding: .utf8)
      let store = folder.appendingPathComponent("loop.db").path
      let arguments = [
        "search", "--parameters", config.path, "--law", "conditional-80m-297m", "--tokens", "1B",
        "--target-loss", config.path, "--device", "host", "--decode-depth", "16", "--batch", "2",
        "--hidden-multiple", "16", "--intermediate-multiple", "16", "--tolerance", "5%",
        "--verify", "host", "--pairs", "8", "--pool", "6", "--per-round", "2", "--budget", "1s",
        "--memory", "1", "--threads", "1", "--store", store, "--output", "json",
        "--attention-free", "0,0.5", "--windows", "none,1:1x8", "--shared-pairs", "false,true",
      ]
      let environment = ["XDG_CACHE_HOME": folder.path]
      let first = try dyno(arguments, environment: environment)
      #expect(first.code == 0, "\(first.errors)")
      #expect(first.errors.contains("not calibrated"))
      func verified(_ outcome: Outcome) throws -> [String: Any] {
        let result = try #require(
          JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
        return try #require(result["verified"] as? [String: Any])
      }
      let loop = try verified(first)
      let visits = try #require(loop["visits"] as? Int)
      #expect(visits >= 2)
      #expect((loop["standings"] as? [[String: Any]])?.isEmpty == false)
      // Done already: nothing more is measured. A full disk costs the profile, not what was found.
      let unwritten = try dyno(
        arguments + ["--write-profile", "/dev/full"], environment: environment)
      #expect(unwritten.code == 70 && unwritten.errors.contains("/dev/full"), "\(unwritten.errors)")
      #expect(try #require(verified(unwritten)["visits"] as? Int) >= visits)
      let results = try dyno("results", store, "--output", "json")
      #expect(results.code == 0, "\(results.errors)")
    }
  }
}
