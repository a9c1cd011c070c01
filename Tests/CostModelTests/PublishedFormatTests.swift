import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// Files as their projects publish them: headers and rows as these print them.
@Suite struct PublishedFormatTests {
  private func imported(
    _ text: String, _ facts: RunFacts = RunFacts()
  ) throws -> Measurements {
    try imported(Data(text.utf8), facts)
  }

  private func imported(_ data: Data, _ facts: RunFacts = RunFacts()) throws -> Measurements {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("results.txt")
      try data.write(to: file)
      var measurements = Measurements()
      try measurements.add(contentsOf: file, facts)
      return measurements
    }
  }

  private var llama: RunFacts {
    get throws { RunFacts(architecture: try Zoo.resolve("llama-3.1-8b"), device: "rtx-4090") }
  }

  // As of build 5163 (`llama-bench -o csv`); 8.03 G parameters.
  private static let columns =
    "build_commit,build_number,cpu_info,gpu_info,backends,model_filename,model_type,model_size,"
    + "model_n_params,n_batch,n_ubatch,n_threads,cpu_mask,cpu_strict,poll,type_k,type_v,"
    + "n_gpu_layers,split_mode,main_gpu,no_kv_offload,flash_attn,tensor_split,use_mmap,embeddings,"
    + "n_prompt,n_gen,n_depth,test_time,avg_ns,stddev_ns,avg_ts,stddev_ts"

  private static func values(
    type: String = "llama 8B Q8_0", parameters: String = "8030261248", average: String = "70285660"
  ) -> [String] {
    [
      "8cf427ff", "5163", "AMD Ryzen 7, 8-Core", "NVIDIA GeForce RTX 4090", "CUDA", "m.gguf", type,
      "8540770304", parameters, "2048", "512", "8", "0x0", "0", "50", "f16", "f16", "99", "layer",
      "0", "0", "0", "0.00", "1", "0", "512", "0", "1024", "2025-04-24T11:57:09Z", average,
      "982040",
      "7285.676949", "100.064434",
    ]
  }

  private static func csv(_ rows: [[String]]) -> String {
    ([columns] + rows.map { $0.map { "\"\($0)\"" }.joined(separator: ",") })
      .joined(separator: "\n")
  }

  private static func sql(_ rows: [[String]]) -> String {
    let names = columns.replacingOccurrences(of: ",", with: ", ")
    return "CREATE TABLE IF NOT EXISTS llama_bench (\n  build_commit TEXT\n);\n\n"
      + rows.map { row in
        "INSERT INTO llama_bench (\(names)) VALUES ("
          + row.map { "'\($0)'" }.joined(separator: ", ") + ");\n"
      }.joined()
  }

  @Test(arguments: [true, false]) func llamaBenchTables(isSQL: Bool) throws {
    let rows = [
      Self.values(), Self.values(type: "llama 8B IQ1_S - 1.5625 bpw"),
      Self.values(parameters: "7615616512"), Self.values(average: "0"),
    ]
    let measurements = try imported(isSQL ? Self.sql(rows) : Self.csv(rows), llama)
    let run = try #require(measurements.runs.first)
    #expect(measurements.runs.count == 1 && measurements.rejected.count == 3)
    #expect(run.engine == "llama.cpp" && run.weights == .q8_0 && run.cache == .f16)
    #expect(run.prompt == 512 && run.generate == 0 && run.depth == 1024)
    #expect(abs(run.seconds - 0.07028566) < 1e-12)
    let reasons = measurements.rejected.map(\.description)
    #expect(reasons[0].contains("model_type") && reasons[1].contains("model_n_params"))
    #expect(reasons[2].contains("avg_ns"))
    // Lines of the file.
    #expect(reasons[0].contains(isSQL ? "row 6" : "row 3"), "\(reasons[0])")
  }

  @Test func llamaBenchSQLThatIsCutOff() throws {
    let whole = Self.sql([Self.values()])
    let error = #expect(throws: InputError.self) { try imported(String(whole.dropLast(30)), llama) }
    #expect(error?.description.contains("row 5") == true, "\(String(describing: error))")
    let fewer = whole.replacingOccurrences(of: ", '0.00'", with: "")
    let missing = #expect(throws: InputError.self) { try imported(fewer, llama) }
    #expect(missing?.description.contains("has 32 values") == true)
  }

  @Test func llamaBenchJSONLines() throws {
    let line =
      #"{"model_type": "llama 8B F16", "n_prompt": 512, "n_gen": 0, "n_depth": 0, "n_batch": 2048, "#
      + #""type_k": "f16", "samples_ns": [300, 100, 200], "avg_ns": 200}"#
    let measurements = try imported(line + "\n" + line + "\n", llama)
    #expect(measurements.runs.count == 2 && measurements.runs[1].weights == .f16)
    let broken = #expect(throws: InputError.self) { try imported(line + "\n{\"a\": }\n", llama) }
    #expect(broken?.description.contains("row 2") == true)
  }

  /// The project's own header; latency in seconds, throughput of tokens in and out.
  @Test func inferenceBenchAsPublished() throws {
    let header =
      "Hardware,Num of Hardware,Framework,Model,Input Output Length,Batch Size,Latency,Throughput\n"
    let model = "meta-llama/Meta-Llama-3-70B"
    let measurements = try imported(
      header + """
        Nvidia H100 GPU,4,vLLM,\(model),128,16,2.75,1489.45
        Nvidia H100 GPU,4,vLLM,\(model),128,16,,1489.45
        Nvidia H100 GPU,4,vLLM,\(model),128,16,275,1489.45
        Nvidia H100 GPU,4,vLLM,meta-llama/Unheard-Of-9B,128,16,2.75,1489.45
        """)
    #expect(measurements.runs.count == 2 && measurements.rejected.count == 2)
    let run = measurements.runs[0]
    #expect(run.devices == 4 && run.engine == "vllm-2024" && run.seconds == 2.75)
    #expect(run.architecture.layers.count == 80 && run.weights == .f16)
    #expect(abs(measurements.runs[1].seconds - 2 * 128 * 16 / 1489.45) < 1e-12)
    #expect(measurements.rejected[0].description.contains("latency_s: is 275"))
  }

  /// Elements of 2 bytes and of 1; the host's launches told apart from captured ones.
  @Test func collectives() throws {
    let custom = try imported(
      """
      framework,version,device,op_name,kernel_source,allreduce_dtype,num_gpus,message_size,latency,backend
      vLLM,0.14.0,H100,all_reduce,vLLM_custom_graph,bfloat16,4,1024,0.005,vllm_graph
      vLLM,0.14.0,H100,all_reduce,vLLM_custom_eager,bfloat16,4,1024,0.02,vllm_eager
      vLLM,0.14.0,H100,all_reduce,vLLM_custom_eager,bfloat16,1,1024,0.02,vllm_eager
      """)
    #expect(custom.collectives.count == 2 && custom.rejected.count == 1)
    #expect(
      custom.collectives[0].shape == CollectiveShape(.allReduce, bytes: 2048, devices: 4))
    #expect(custom.collectives[1].shape.isEager && custom.collectives[1].isEngines)
    let library = try imported(
      """
      framework,version,device,op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency
      TRTLLM,2.27.3,H100,alltoall,NCCL,int8,8,4096,0.01
      TRTLLM,2.27.3,H100,broadcast,NCCL,int8,8,4096,0.01
      """)
    #expect(library.collectives.count == 1 && !library.collectives[0].isEngines)
    #expect(library.collectives[0].shape == CollectiveShape(.allToAll, bytes: 4096, devices: 8))
    #expect(library.rejected[0].description.contains("\"broadcast\" is not modelled"))
  }

  @Test(arguments: [
    ("fp8", NumberStorage.fp8), ("fp8_block", .fp8Block), ("bfloat16", .bf16), ("nvfp4", .nvfp4),
    ("int4_wo", .int4),
  ])
  func storages(name: String, format: NumberStorage) throws {
    let table =
      "framework,device,op_name,gemm_dtype,m,n,k,latency\nVLLM,H100,gemm,\(name),8,128,128,0.01\n"
    #expect(try imported(table).operators.first?.weights == format)
  }

  @Test func parquetIsToldHowToBeRead() throws {
    let error = #expect(throws: InputError.self) {
      try imported(Data("PAR1".utf8) + Data([0, 255, 254, 1]))
    }
    #expect(error?.expected?.contains("read_parquet") == true)
  }

  /// A profile of a GPU from before its coefficients were in clocks is refused; limits alone are not.
  @Test func profilesOfTheFirstVersion() throws {
    let text = try ProfileTests.shipped("a100-80gb").fileText()
      .replacingOccurrences(of: "\"version\" : 2", with: "\"version\" : 1")
    let bare = try DeviceProfile(
      name: "bare", limits: Devices.hopper, sources: [:]
    ).fileText().replacingOccurrences(of: "\"version\" : 2", with: "\"version\" : 1")
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("device.json")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: InputError.self) { try DeviceProfile(contentsOf: file) }
      #expect(error?.expected?.contains("calibration") == true)
      try bare.write(to: file, atomically: true, encoding: .utf8)
      let limits = try DeviceProfile(contentsOf: file).limits
      #expect(limits == Devices.hopper)
      #expect(limits.narrowPeakFLOPs[.fp8] == 2 * 989.4e12 && limits.computeCapability == 9)
    }
  }

  /// Of several devices a new one starts from their mean, as uncertain as they differ; of one, as
  /// uncertain as two usually differ.
  @Test func commonMean() throws {
    let coefficient = Coefficient("c", nominal: 1, spread: 0.8, "")
    func known(_ value: Double) -> CalibratedFamily {
      CalibratedFamily(
        coefficients: [
          CalibratedCoefficient(
            name: "c", value: value, standardError: 0, provenance: "", samples: 9)
        ], rung: .operators)
    }
    let alike = Prior([coefficient], from: [known(2), known(2)], sameKind: true)
    let apart = Prior([coefficient], from: [known(1), known(4)], sameKind: true)
    // Two exact values that agree: the variance between devices is the usual (0.8/2)² = 0.16.
    let weight = 2 / 0.16
    #expect(abs(alike.logValues[0] - weight * log(2) / (weight + 1 / 0.64)) < 1e-12)
    #expect(
      abs(alike.spreads[0] - (0.16 + 1 / (weight + 1 / 0.64)).squareRoot()) < 1e-12)
    // 1 and 4 differ by more: no wider than before any device is seen.
    #expect(apart.spreads[0] > alike.spreads[0] && apart.spreads[0] <= 0.8)
  }
}
