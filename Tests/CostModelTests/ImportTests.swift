import CostModel
import Formats
import Foundation
import Input
import Machine
import Model
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
        VLLM,A100,mamba,bfloat16,8,128,128,0.01
        """, as: "gemm.csv")
    #expect(measurements.operators.count == 1)
    #expect(measurements.operators[0].seconds == 1e-5)
    #expect(measurements.operators[0].isRepeated)
    #expect(measurements.rejected.count == 8)
    #expect(measurements.rejected[0].description.contains("row 3: latency: is missing"))
    #expect(measurements.rejected.last!.description.contains("\"mamba\" is not modelled"))
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

  /// No more experts are chosen, and no more read, than there are: a fit to them stays finite.
  @Test(
    arguments: [
      ("8", "2", "5.5", nil), ("8", "8", "8", nil), ("10", "1", "0.9999999999999998", nil),
      ("8", "9", "8", "active: is \"9\""),
      ("8", "2", "1.7e308", "distinct: is 1.7e+308; expected 1 to 8"),
      ("8", "2", "8.01", "distinct: is 8.01"), ("8", "2", "0.5", "distinct: is 0.5"),
    ] as [(String, String, String, String?)])
  func rowsOfExperts(experts: String, active: String, distinct: String, refusal: String?) throws {
    let read = try imported(
      """
      device,operator,weights,cache,rows,width,n,experts,active,distinct,seconds
      x,experts,bf16,f16,4,64,32,\(experts),\(active),\(distinct),1e-6
      """, as: "rows.csv")
    #expect(read.operators.count == (refusal == nil ? 1 : 0))
    #expect(
      read.rejected.map(\.description).allSatisfy { $0.contains(refusal ?? "none") },
      "\(read.rejected.map(\.description))")
    #expect(read.rejected.count == (refusal == nil ? 0 : 1))
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
    #expect(silent.rejected[0].description.contains("workload to be given with the file"))
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

  /// Numbers that nothing has: each is refused by its field, none is added or multiplied first.
  @Test(arguments: [
    (#"{"elapsed_time": 4.5, "num_requests": 0}"#, "num_requests: is 0"),
    (#"{"elapsed_time": 4.5, "num_requests": -1}"#, "num_requests: is -1"),
    (#"{"elapsed_time": 4.5, "num_requests": 9223372036854775807}"#, "num_requests: is 9223372036"),
    (#"{"elapsed_time": 4.5, "num_requests": 9e18}"#, "num_requests: is 9e+18"),
    (#"{"elapsed_time": 4.5, "num_requests": 1e300}"#, "num_requests: is 1e+300"),
    (#"{"elapsed_time": 1e300, "num_requests": 1}"#, "elapsed_time: is 1e+300"),
    (#"{"elapsed_time": 0, "num_requests": 1}"#, "elapsed_time: is 0"),
    (#"{"avg_latency": -1}"#, "avg_latency: is -1"),
    (#"{"avg_latency": 1, "latencies": [1e300]}"#, "latencies: holds 1e+300"),
    (serve(#""completed": 1152921504606846976"#), "completed: is 1152921504606846976"),
    (serve(#""completed": 1, "max_concurrency": 0"#), "max_concurrency: is 0"),
    (serve(#""completed": 1, "total_input_tokens": 1e300"#), "total_input_tokens: is 1e+300"),
    (serve(#""completed": 1, "total_output_tokens": 9e18"#), "total_output_tokens: is 9e+18"),
    (serve(#""completed": 1, "total_output_tokens": 9e14"#), "total_output_tokens: is 9"),
    (bench(#""n_prompt": 10000001"#), "n_prompt: is 10000001"),
    (bench(#""n_depth": -1"#), "n_depth: is -1"),
    (bench(#""n_sequences": 1000001"#), "n_sequences: is 1000001; expected 1 to 1000000"),
    (bench(#""n_sequences": 9e18"#), "n_sequences: is 9e+18"),
    (bench(#""n_prompt": 10000000, "n_sequences": 1000000"#), "batch × tokens²"),
    (bench(#""samples_ns": [9223372036854775807]"#), "samples_ns: holds 9223372036854775807"),
  ])
  func extremeNumbersAreRefused(text: String, expected: String) throws {
    let facts = RunFacts(
      architecture: try llama, device: "h100-sxm", dtype: .bf16, prompt: 128, generate: 128,
      batch: 4)
    let read = try imported(text, as: "r.json", facts)
    #expect(read.runs.isEmpty)
    #expect(
      read.rejected.first?.description.contains(expected) == true,
      "\(read.rejected.map(\.description))")
  }

  private static func serve(_ fields: String) -> String {
    let rest = [
      (#""total_input_tokens""#, "128"), (#""total_output_tokens""#, "128"),
      (#""duration""#, "5.0"),
    ].filter { !fields.contains($0.0) }.map { "\($0.0): \($0.1)" }
    return "{" + ([fields] + rest).joined(separator: ", ") + "}"
  }

  private static func bench(_ fields: String) -> String {
    let rest = [
      (#""n_prompt""#, "0"), (#""n_gen""#, "32"), (#""samples_ns""#, "[1000]"),
    ].filter { !fields.contains($0.0) }.map { "\($0.0): \($0.1)" }
    return "{" + ([fields] + rest).joined(separator: ", ") + "}"
  }

  @Test func extremeRowsAreRefused() throws {
    let attention = try imported(
      """
      framework,device,op_name,batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,\
      kv_cache_dtype,step,latency
      VLLM,A100,context_attention,1,1000000000000000,32,8,128,bfloat16,bfloat16,0,0.02
      VLLM,A100,context_attention,200000000,200000000,32,8,128,bfloat16,bfloat16,0,0.02
      VLLM,A100,generation_attention,200000000,200000000,32,8,128,bfloat16,bfloat16,1,0.02
      """, as: "attention.csv")
    #expect(attention.operators.isEmpty && attention.rejected.count == 3)
    let runs = try imported(
      """
      hardware,framework,model,input_output_length,batch_size,num_hardware,latency_s
      H100,vLLM,Llama-3-8B,1000000000000000,1,1,1
      H100,vLLM,Llama-3-8B,10000000,10000000,1,1
      H100,vLLM,Llama-3-8B,128,1,1000000,1
      """, as: "runs.csv")
    #expect(runs.runs.isEmpty && runs.rejected.count == 3)
  }

  /// A failed request's time and tokens are of nothing in particular.
  @Test(arguments: [
    (#""failed": 3"#, "failed: is 3"),
    (#""num_prompts": 100"#, "completed: is 10 of 100 requests"),
    (#""errors": ["", "timed out"]"#, "errors: 1 requests failed"),
    (#""pipeline_parallel_size": 2"#, "pipeline_parallel_size: is 2"),
    (#""tensor_parallel_size": "2x""#, "tensor_parallel_size: is \"2x\""),
    (#""model_id": "meta-llama/Llama-2-7b-hf""#, "model_id: is of the model"),
    (#""model_id": "RedHatAI/Meta-Llama-3.1-8B-FP8""#, "has quantised weights (fp8)"),
  ])
  func vllmRunsThatSayMoreThanTheyMay(fields: String, expected: String) throws {
    let facts = RunFacts(architecture: try llama, device: "h100-sxm")
    let read = try imported(Self.serve(#""completed": 10, "# + fields), as: "s.json", facts)
    #expect(read.runs.isEmpty)
    #expect(
      read.rejected.first?.description.contains(expected) == true,
      "\(read.rejected.map(\.description))")
  }

  @Test func vllmTensorParallel() throws {
    func devices(_ fields: String, _ given: Int? = nil) throws -> Int? {
      try imported(
        Self.serve(#""completed": 10"# + fields), as: "s.json",
        RunFacts(architecture: try llama, device: "h100-sxm", tensorParallel: given)
      ).runs.first?.devices
    }
    #expect(try devices("") == 1)
    #expect(try devices("", 4) == 4)
    #expect(try devices(#", "tensor_parallel_size": 2"#) == 2)
    #expect(try devices(#", "tp": "8""#) == 8)
    #expect(try devices(#", "tp": "8""#, 4) == nil)
  }

  /// What the file says of its weights, its size and its device, against what the user says.
  @Test(
    arguments: [
      (#""model_type": "llama 8B Q4_K - Medium""#, nil, nil, "stored as Q4_K - Medium"),
      (#""model_type": "llama 8B F16""#, DType.q8_0, nil, "expected q8_0, as given"),
      (#""model_type": "llama 8B""#, nil, nil, "does not say the storage of weights"),
      (
        #""model_type": "llama 3B F16", "model_n_params": 3212749888"#, nil, nil,
        "model_n_params: is 3212749888"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CPU""#, nil, DeviceLimits.Kind.gpu,
        "the run is of a CPU"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "n_gpu_layers": 0"#, nil, .gpu,
        "the run is of a CPU"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "n_gpu_layers": 99"#, nil, .cpu,
        "the run is of a GPU"
      ),
      (#""model_type": "llama 8B F16", "cuda": false, "metal": false"#, nil, .gpu, "is of a CPU"),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "n_gpu_layers": 20"#, nil, .gpu,
        "is 20 of 32"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "gpu_info": "NVIDIA H100, NVIDIA H100""#,
        nil, .gpu, "of 2 GPUs"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "no_kv_offload": true"#, nil, .gpu,
        "no_kv_offload: is true"
      ),
      (
        #""model_type": "llama 8B F16", "backends": "CUDA", "tensor_buft_overrides": "exps=CPU""#,
        nil, nil, "tensor_buft_overrides: is \"exps=CPU\""
      ),
      (#""model_type": "llama 8B F16", "n_cpu_moe": 12"#, nil, .gpu, "n_cpu_moe: is 12"),
      (#""schema_version": 2, "type_weights": "bf16""#, nil, .gpu, "was measured on a CPU"),
    ] as [(String, DType?, DeviceLimits.Kind?, String)])
  func benchRecordsOfOtherModels(
    fields: String, dtype: DType?, kind: DeviceLimits.Kind?, expected: String
  ) throws {
    let facts = RunFacts(
      architecture: try llama, device: "d", deviceKind: kind,
      dtype: dtype.map { NumberStorage($0) })
    let read = try imported(Self.bench(fields), as: "l.json", facts)
    #expect(read.runs.isEmpty)
    #expect(
      read.rejected.first?.description.contains(expected) == true,
      "\(read.rejected.map(\.description))")
  }

  /// To say that nothing is left to the CPU is no fault, nor is anything that a CPU's run says of
  /// a GPU.
  @Test(
    arguments: [
      (#""no_kv_offload": false, "tensor_buft_overrides": "none", "n_cpu_moe": 0"#, "CUDA", .gpu),
      (#""tensor_buft_overrides": """#, "CUDA", .gpu),
      (#""no_kv_offload": true, "n_cpu_moe": 4"#, "CPU", .cpu),
    ] as [(String, String, DeviceLimits.Kind)])
  func llamaBenchRunsOfOneDevice(
    fields: String, backend: String, kind: DeviceLimits.Kind
  ) throws {
    let text = Self.bench(
      #""model_type": "llama 8B F16", "backends": "\#(backend)", "# + fields)
    let facts = RunFacts(architecture: try llama, device: "d", deviceKind: kind)
    let read = try imported(text, as: "l.json", facts)
    #expect(read.runs.count == 1 && read.rejected.isEmpty, "\(read.rejected.map(\.description))")
  }

  /// Tables write truth values as numbers.
  @Test(arguments: [("0", 1), ("1", 0)]) func llamaBenchTablesHaveFlags(
    flag: String, runs: Int
  ) throws {
    let table = """
      model_type,n_prompt,n_gen,avg_ns,backends,n_gpu_layers,no_kv_offload,tensor_buft_overrides
      "llama 8B F16","512","0","70285660","CUDA","99","\(flag)","none"

      """
    let facts = RunFacts(architecture: try llama, device: "d", deviceKind: .gpu)
    let read = try imported(table, as: "l.csv", facts)
    #expect(read.runs.count == runs, "\(read.rejected.map(\.description))")
    #expect(read.rejected.allSatisfy { $0.description.contains("no_kv_offload: is true") })
  }

  @Test(arguments: [
    ("llama 8B Q8_0", DType.q8_0), ("llama 8B F16", .f16), ("llama 8B BF16", .bf16),
    ("llama ?B all F32", .f32), ("LLaMA 7B mostly Q4_0", .q4_0), ("llama 8B Q4_1 (guessed)", .q4_1),
  ])
  func llamaBenchSaysItsStorage(type: String, dtype: DType) throws {
    let text = Self.bench(
      #""model_type": "\#(type)", "model_n_params": 8030261312, "backends": "CUDA", "#
        + #""n_gpu_layers": -1"#)
    let facts = RunFacts(architecture: try llama, device: "h100-sxm", deviceKind: .gpu)
    let run = try #require(try imported(text, as: "l.json", facts).runs.first)
    #expect(run.weights == NumberStorage(dtype) && run.engine == "llama.cpp")
    #expect(throws: Never.self) { try ServingEngine.named(run.engine) }
  }

  @Test func rowsOfOtherDevices() throws {
    let ours = "device,operator,weights,cache,rows,width,seconds\nx,final_norm,bf16,f16,2,64,1e-6\n"
    #expect(try imported(ours, as: "o.csv", RunFacts(deviceKind: .cpu)).operators.count == 1)
    let refused = try imported(ours, as: "o.csv", RunFacts(deviceKind: .gpu))
    #expect(refused.operators.isEmpty)
    #expect(refused.rejected.first?.description.contains("row 2: was measured on a CPU") == true)
    let gemm = Self.gemm + "VLLM,A100,gemm,bfloat16,8,128,128,0.01\n"
    #expect(throws: InputError.self) {
      try imported(gemm, as: "g.csv", RunFacts(deviceKind: .cpu))
    }
  }

  /// What a file is, its content says.
  @Test func namesDoNotDecide() throws {
    #expect(
      try imported(Self.gemm + "VLLM,A100,gemm,bfloat16,8,128,128,0.01\n", as: "blob")
        .operators.count == 1)
    #expect(try imported(#" [{"a": 1}]"#, as: "x.csv").rejected.count == 1)
  }

  @Test func cellsSurviveTheirFile() throws {
    for cell in ["a", "a,b", "a\"b", "\"", "a\nb", "a\rb", "a\r\nb", "b\r\n", "e\u{301}\"\u{301}"] {
      let table = try DelimitedText("h,i\n" + DelimitedText.quoted(cell) + ",1\n")
      #expect(table.rows.map(\.cells) == [[cell, "1"]], "\(cell.debugDescription)")
    }
  }

  /// One quoting for all that is written: a quote that carries an accent is a quote, and what a
  /// spreadsheet would compute is text.
  @Test func cellsAreNoFormulas() throws {
    #expect(DelimitedText.quoted("\"\u{301}") == "\"\"\"\u{301}\"")
    #expect(DelimitedText.quoted("=1+1") == "'=1+1" && DelimitedText.quoted("-1.5") == "-1.5")
    let timing = OperatorTiming(
      device: "=cmd()", engine: "e", kind: .head, shape: .gemm(m: 1, n: 2, k: 3), weights: .bf16,
      cache: .f16,
      seconds: 1, samples: 1, origin: "o")
    #expect(OperatorTable.text([timing]).contains("'=cmd()"))
  }

  @Test func otherFilesAreRefused() throws {
    #expect(throws: InputError.self) { try imported("a,b\n1,2\n", as: "x.csv") }
    #expect(throws: InputError.self) { try imported("{", as: "x.json") }
    let many = "[" + String(repeating: "1,", count: 100_000) + "1]"
    let error = #expect(throws: InputError.self) { try imported(many, as: "x.json") }
    #expect(error?.description.contains("holds 100001 results; expected at most 100000") == true)
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
