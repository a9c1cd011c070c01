import Architectures
import Foundation
import Operators
import Records
import TestSupport
import Testing

@Suite struct ImportTests {
  private func imported(
    _ text: String, as name: String, _ facts: RunFacts = RunFacts()
  ) throws -> Measurements {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent(name)
      try text.write(to: file, atomically: true, encoding: .utf8)
      var measurements = Measurements()
      try measurements.add(contentsOf: file, facts)
      return measurements
    }
  }

  private static let gemm = "framework,device,op_name,gemm_dtype,m,n,k,latency\n"

  @Test func badRowsAreNamedAndTheRestIsKept() throws {
    let measurements = try imported(
      Self.gemm + """
        VLLM,A100,gemm,bfloat16,8,128,128,0.01
        VLLM,A100,gemm,bfloat16,8,128,128,
        VLLM,A100,gemm,bfloat16,8,128,128,0
        VLLM,A100,gemm,bfloat16,8,128,128,-1
        VLLM,A100,gemm,bfloat16,8,128,128,nan
        VLLM,A100,gemm,bfloat16,8,128,128,1e12
        VLLM,A100,gemm,fp4x,8,128,128,0.01
        VLLM,A100,gemm,bfloat16,0,128,128,0.01
        VLLM,A100,moe,bfloat16,8,128,128,0.01
        """, as: "gemm.csv")
    #expect(measurements.operators.count == 1)
    #expect(measurements.operators[0].seconds == 1e-5)
    #expect(measurements.operators[0].isRepeated)
    #expect(measurements.rejected.count == 8)
    #expect(measurements.rejected[0].description.contains("row 3: latency: is missing"))
    #expect(measurements.rejected.last!.description.contains("\"moe\" is not modelled"))
  }

  @Test func attentionCountsItsOwnToken() throws {
    let measurements = try imported(
      """
      framework,device,op_name,batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,\
      kv_cache_dtype,step,latency
      VLLM,A100,generation_attention,4,1,32,8,128,bfloat16,bfloat16,63,0.02
      VLLM,A100,context_attention,4,64,32,8,128,bfloat16,bfloat16,0,0.02
      VLLM,A100,context_attention,4,64,32,7,128,bfloat16,bfloat16,0,0.02
      """, as: "attention.csv")
    guard case .attention(let decode) = measurements.operators[0].shape,
      case .attention(let prefill) = measurements.operators[1].shape
    else {
      Issue.record("not attention")
      return
    }
    #expect(decode.isDecode && decode.positions == 4 * 64 && decode.pairs == 4 * 64)
    #expect(!prefill.isDecode && prefill.pairs == 4 * 64 * 65 / 2)
    #expect(measurements.rejected.count == 1)
  }

  @Test func ownRowsSurviveTheirFile() throws {
    let limits = MachineLimits(
      threads: 2, instructionSet: "avx2", readBandwidth: 3e10, multiplyAddPeak: 1.7e11,
      integerPeak: 5e11, bf16Peak: 2e12, bestGEMM: 0, samples: 1)
    let timings: [OperatorTiming] = [
      OperatorTiming(
        device: "a, \"b\"", engine: "dyno", kind: .qkvProjection, shape: .gemm(m: 2, n: 3, k: 4),
        weights: .q8_0, cache: .f16, seconds: 1.25e-6, samples: 16, limits: limits,
        origin: "llama"),
      OperatorTiming(
        device: "x", engine: "dyno", kind: .mlpNorm, shape: .rows(2, width: 64), weights: .bf16,
        cache: .f16, seconds: 1e-6, samples: 16, limits: limits, origin: "llama"),
      OperatorTiming(
        device: "x", engine: "dyno", kind: .rotaryAndCacheWrite,
        shape: .rows(2, width: 96, stored: 64), weights: .bf16, cache: .f16, seconds: 1e-6,
        samples: 16, limits: limits, origin: "llama"),
      OperatorTiming(
        device: "x", engine: "dyno", kind: .attention,
        shape: .attention(
          AttentionShape(
            batch: 2, cached: 9, new: 1, queryHeads: 4, keyValueHeads: 2, headDimension: 64)),
        weights: .bf16, cache: .f16, seconds: 1e-6, samples: 16, origin: "llama"),
    ]
    let read = try imported(OperatorTable.text(timings), as: "rows.csv")
    #expect(
      read.operators.map { row in
        var row = row
        row.run = ""
        return row
      } == timings)
    #expect(read.rejected.isEmpty)
  }

  @Test func cacheWritesMustSayWhatTheyStore() throws {
    let read = try imported(
      """
      device,operator,weights,cache,rows,width,seconds
      x,final_norm,bf16,f16,2,64,1e-6
      x,rotary_and_cache_write,bf16,f16,2,96,1e-6
      """, as: "rows.csv")
    #expect(read.operators.map(\.kind) == [.finalNorm])
    #expect(read.rejected.count == 1)
    #expect(read.rejected[0].description.contains("stored: is missing"))
  }

  private var llama: Architecture {
    get throws {
      try Architecture(
        configAt: Files.root.appendingPathComponent("profiles/architectures/llama-3.1-8b.json"))
    }
  }

  @Test func vllmLatency() throws {
    let text = #"{"avg_latency": 9, "latencies": [2.0, 1.0, 3.0], "percentiles": {"50": 2.0}}"#
    let facts = RunFacts(
      architecture: try llama, device: "h100-sxm", prompt: 32, generate: 128, batch: 8)
    let run = try #require(try imported(text, as: "latency.json", facts).runs.first)
    #expect(run.seconds == 2 && run.batch == 8 && run.engine == "vllm" && run.weights == .bf16)
    let silent = try imported(text, as: "latency.json")
    #expect(silent.runs.isEmpty)
    #expect(silent.rejected[0].description.contains("--workload on the command line"))
  }

  @Test func vllmThroughputAndServe() throws {
    let facts = RunFacts(
      architecture: try llama, device: "h100-sxm", prompt: 100, generate: 28)
    let throughput = try imported(
      #"{"elapsed_time": 4.5, "num_requests": 10, "total_num_tokens": 1280}"#, as: "t.json", facts)
    #expect(throughput.runs.first?.batch == 10)
    let lying = try imported(
      #"{"elapsed_time": 4.5, "num_requests": 10, "total_num_tokens": 5000}"#, as: "t.json", facts)
    #expect(lying.runs.isEmpty && lying.rejected.count == 1)

    func serve(_ rate: String) -> String {
      #"{"request_rate": \#(rate), "completed": 100, "max_concurrency": 20, "duration": 50.0,"#
        + #" "total_input_tokens": 10000, "total_output_tokens": 3000, "model_id": "#
        + #""meta-llama/Meta-Llama-3-8B"}"#
    }
    let loaded = try imported(serve(#""inf""#), as: "s.json", RunFacts(device: "h100-sxm"))
    let run = try #require(loaded.runs.first)
    #expect(run.batch == 20 && run.prompt == 100 && run.generate == 30 && run.seconds == 10)
    #expect(run.architecture.name == "llama-3-8b")
    let idle = try imported(serve("2.0"), as: "s.json", RunFacts(device: "h100-sxm"))
    #expect(idle.runs.isEmpty && idle.rejected[0].description.contains("request_rate"))
  }

  @Test func llamaBenchNeedsAModel() throws {
    let text = #"""
      [{"model_type": "llama 8B Q8_0", "n_prompt": 0, "n_gen": 32, "n_depth": 512, "n_batch": 2048,
        "type_k": "f16", "type_v": "f16", "samples_ns": [300, 100, 200]}]
      """#
    let run = try #require(
      try imported(text, as: "l.json", RunFacts(architecture: try llama, dtype: .q8_0)).runs.first)
    #expect(run.engine == "llama.cpp" && run.weights == .q8_0 && run.depth == 512)
    #expect(abs(run.seconds - 200e-9) < 1e-18)
    #expect(try imported(text, as: "l.json").rejected.count == 1)
  }

  /// Counts that no run has are refused where they are read, before anything is multiplied.
  @Test(arguments: [
    (#"{"elapsed_time": 4.5, "num_requests": 0}"#, "num_requests"),
    (#"{"elapsed_time": 4.5, "num_requests": -1}"#, "num_requests"),
    (#"{"elapsed_time": 4.5, "num_requests": 9223372036854775807}"#, "num_requests"),
    (#"{"elapsed_time": 1e300, "num_requests": 1}"#, "takes"),
    (
      #"{"total_output_tokens": 1e300, "total_input_tokens": 9, "completed": 3, "duration": 1}"#,
      "total_output_tokens"
    ),
    (
      #"{"total_output_tokens": 9e18, "total_input_tokens": 9, "completed": 1, "duration": 1}"#,
      "total_output_tokens"
    ),
    (
      #"{"total_output_tokens": 9, "total_input_tokens": 9, "duration": 1, "#
        + #""completed": 1152921504606846976}"#, "completed"
    ),
    (
      #"{"total_output_tokens": 9, "total_input_tokens": 9, "completed": 3, "duration": 1, "#
        + #""max_concurrency": 0}"#, "max_concurrency"
    ),
    (#"{"n_prompt": 9000000, "n_gen": 1, "n_sequences": 9000000, "samples_ns": [5]}"#, "batch"),
  ])
  func absurdCountsAreRefused(text: String, named: String) throws {
    let facts = RunFacts(
      architecture: try llama, device: "h100-sxm", prompt: 100, generate: 28, batch: 1)
    let read = try imported(text, as: "x.json", facts)
    #expect(read.runs.isEmpty && read.rejected.count == 1)
    #expect(read.rejected.first?.description.contains(named) == true, "\(read.rejected)")
  }

  @Test(arguments: [
    "4,1000000000000000,32,8,128,0", "4,10,32,8,1000000000000000,0",
    "1000000000000000,10,32,8,128,0", "9000000,9000000,32,8,128,0",
  ])
  func absurdTablesAreRefused(cells: String) throws {
    let sizes = cells.split(separator: ",").dropLast().joined(separator: ",")
    let read = try imported(
      "framework,device,op_name,batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,"
        + "kv_cache_dtype,step,latency\n"
        + "VLLM,A100,context_attention,\(sizes),bfloat16,bfloat16,0,0.02\n", as: "a.csv")
    #expect(read.operators.isEmpty && read.rejected.count == 1)
  }

  @Test func otherFilesAreRefused() throws {
    #expect(throws: InputError.self) { try imported("a,b\n1,2\n", as: "x.csv") }
    #expect(throws: InputError.self) { try imported("{", as: "x.json") }
    #expect(try imported("[1]", as: "x.json").rejected.count == 1)
    #expect(try imported(#"{"a": 1}"#, as: "x.json").rejected.count == 1)
  }

  @Test func hubNames() throws {
    for (hub, zoo) in [
      ("meta-llama/Llama-2-7b-hf", "llama-2-7b"), ("meta-llama/Meta-Llama-3-8B", "llama-3-8b"),
      ("mistralai/Mistral-7B-v0.1", "mistral-7b"),
      ("meta-llama/Llama-3.2-1B-Instruct", "llama-3.2-1b"),
    ] {
      #expect(try Zoo.architecture(ofHubModel: hub).name == zoo)
    }
    #expect(throws: InputError.self) { try Zoo.architecture(ofHubModel: "org/Unknown-9B") }
  }
}
