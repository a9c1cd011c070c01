import Formats
import Foundation
import Input
import Model
import TestSupport
import Testing
import Weights

/// What a command line's `ARCH` may name.
@Suite struct ModelSubjectTests {
  private let checkpoint = Files.fixtures.appendingPathComponent("huggingface/llama-tied").path

  @Test func filesBringTheirWeights() throws {
    let gguf = Files.fixtures.appendingPathComponent("gguf/qwen3-f32.gguf").path
    let model = try ModelSubject.resolve(gguf)
    #expect(model.architecture.modelType == "qwen3" && model.weights == gguf)
    let folder = try ModelSubject.resolve(checkpoint)
    #expect(folder.weights == checkpoint && folder.architecture.name == "llama-tied")
    let file = try ModelSubject.resolve(checkpoint + "/model.safetensors")
    #expect(file.weights == checkpoint + "/model.safetensors")
    #expect(file.architecture.layers == folder.architecture.layers)
    #expect(try ModelSubject.resolve(checkpoint + "/config.json").weights == nil)
    #expect(try ModelSubject.resolve("smollm2-135m").weights == nil)
  }

  /// `models--org--name`, and a snapshot within, are called org/name.
  @Test func foldersOfTheHubCache() throws {
    try Files.withTemporaryFolder { folder in
      let model = folder.appendingPathComponent("models--some--tiny-llama")
      let snapshot = model.appendingPathComponent("snapshots/0123abcd")
      try FileManager.default.createDirectory(
        at: snapshot.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: checkpoint, toPath: snapshot.path)
      for path in [model.path, snapshot.path, snapshot.path + "/"] {
        let subject = try ModelSubject.resolve(path)
        #expect(subject.architecture.name == "some/tiny-llama" && subject.weights != nil, "\(path)")
      }
      // A second snapshot: refs/main says which is meant.
      try FileManager.default.copyItem(
        atPath: checkpoint, toPath: model.path + "/snapshots/4567ef")
      #expect(throws: InputError.self) { try ModelSubject.resolve(model.path) }
      try FileManager.default.createDirectory(
        atPath: model.path + "/refs", withIntermediateDirectories: true)
      try "4567ef\n".write(toFile: model.path + "/refs/main", atomically: false, encoding: .utf8)
      #expect(try ModelSubject.resolve(model.path).weights?.hasSuffix("4567ef") == true)
    }
  }

  /// What is no name of a revision: too long, a device that never ends, a pipe that nobody writes to.
  @Test func whatIsNoReferenceOfAHubCache() throws {
    try Files.withTemporaryFolder { folder in
      let model = folder.appendingPathComponent("models--some--tiny-llama").path
      for revision in ["0123abcd", "4567ef"] {
        try FileManager.default.createDirectory(
          atPath: model + "/snapshots/" + revision, withIntermediateDirectories: true)
      }
      try FileManager.default.createDirectory(
        atPath: model + "/refs", withIntermediateDirectories: true)
      let main = model + "/refs/main"
      func expectRefusal() throws {
        let error = #expect(throws: InputError.self) { try ModelSubject.resolve(model) }
        #expect(error?.description.contains("holds 2 snapshots") == true)
        try FileManager.default.removeItem(atPath: main)
      }
      let long = "4567ef" + String(repeating: " ", count: 1 << 20)
      try long.write(toFile: main, atomically: false, encoding: .utf8)
      try expectRefusal()
      #expect(symlink("/dev/zero", main) == 0)
      try expectRefusal()
      #expect(mkfifo(main, 0o600) == 0)
      try expectRefusal()
    }
  }

  @Test func folderOfOneGGUFFile() throws {
    try Files.withTemporaryFolder { folder in
      let fixture = Files.fixtures.appendingPathComponent("gguf/llama-q4_0.gguf").path
      try FileManager.default.copyItem(atPath: fixture, toPath: folder.path + "/a.gguf")
      #expect(try ModelSubject.resolve(folder.path).architecture.name == "a")
      try FileManager.default.copyItem(atPath: fixture, toPath: folder.path + "/b.gguf")
      #expect(throws: InputError.self) { try ModelSubject.resolve(folder.path) }
    }
  }

  /// What memory is asked for before anything is opened: a file's weights take no more than the file.
  @Test(arguments: [
    "gguf/llama-q4_0.gguf", "gguf/qwen3-f32.gguf", "huggingface/llama-tied",
    "huggingface/llama-sharded", "huggingface/llama-tied/model.safetensors", "huggingface/gpt2",
    "huggingface/gemma2-untied",
  ])
  func filesBoundTheirWeights(path: String) throws {
    let path = Files.fixtures.appendingPathComponent(path).path
    let bytes = try ModelWeights.fileBytes(path)
    let weights = try ModelWeights.load(path, kernels: .selected())
    #expect((weights.matrixBytes..<weights.matrixBytes + 64 << 10).contains(bytes))
  }

  /// Copies of the weights that nothing names are not counted; a file that is missing is named.
  @Test func onlyFilesThatAreOpenedAreCounted() throws {
    try Files.withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent("model").path
      try FileManager.default.copyItem(atPath: checkpoint, toPath: copy)
      let bytes = try ModelWeights.fileBytes(copy)
      try Data(count: 1 << 20).write(to: URL(fileURLWithPath: copy + "/pytorch_model.safetensors"))
      #expect(try ModelWeights.fileBytes(copy) == bytes)
      try FileManager.default.removeItem(atPath: copy + "/model.safetensors")
      let error = #expect(throws: InputError.self) { try ModelWeights.fileBytes(copy) }
      #expect(error?.description.contains("model.safetensors") == true)
    }
  }

  /// A head of its own counts whatever the configuration says of ties, also where that speaks of
  /// quantised storage.
  @Test(arguments: [true, false])
  func storedHeadsOfQuantisedConfigurations(isQuantised: Bool) throws {
    try Files.withTemporaryFolder { folder in
      let untied = Files.fixtures.appendingPathComponent("huggingface/gemma2-untied").path
      let copy = folder.appendingPathComponent("model").path
      try FileManager.default.copyItem(atPath: untied, toPath: copy)
      var text = try String(contentsOfFile: copy + "/config.json", encoding: .utf8)
      text.replace(#""tie_word_embeddings": false"#, with: #""tie_word_embeddings": true"#)
      if isQuantised {
        text.replace(
          "{", with: #"{"quantization_config": {"bits": 8, "lm_head": false},"#, maxReplacements: 1)
      }
      try text.write(toFile: copy + "/config.json", atomically: false, encoding: .utf8)
      let subject = try ModelSubject.resolve(copy)
      #expect(subject.architecture.tiedEmbeddings)
      #expect(subject.defaultDType == (isQuantised ? .q8_0 : nil))
      let weights = try ModelWeights.load(subject.requiredWeights(copy), kernels: .selected())
      #expect(!weights.architecture.tiedEmbeddings && !weights.isTied)
    }
  }

  /// Files of a hub's cache are called by their hashes, and what has no weights says so.
  @Test func filesWithoutNamesAndModelsWithoutWeights() throws {
    try Files.withTemporaryFolder { folder in
      let blob = folder.appendingPathComponent("4d7a1f0e").path
      try FileManager.default.copyItem(atPath: checkpoint + "/model.safetensors", toPath: blob)
      try FileManager.default.copyItem(
        atPath: checkpoint + "/config.json", toPath: folder.path + "/config.json")
      #expect(try ModelSubject.resolve(blob).requiredWeights(blob) == blob)
      for argument in ["smollm2-135m", folder.path, folder.path + "/config.json"] {
        let error = #expect(throws: InputError.self) {
          try ModelSubject.resolve(argument).requiredWeights(argument)
        }
        #expect(error?.description.hasPrefix("\(argument): has no weights") == true)
      }
    }
  }

  /// What failed to become a GGUF file is refused as one, not as a configuration.
  @Test func failedDownloadsOfGGUFFiles() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("model.gguf")
      for text in ["version https://git-lfs.github.com/spec/v1\n", "<html>", "nothing"] {
        try Data(text.utf8).write(to: file)
        for path in [file.path, folder.path] {
          let error = #expect(throws: InputError.self) { try ModelSubject.resolve(path) }
          #expect(error?.description.contains("a GGUF or safetensors file") == true)
        }
      }
    }
  }

  /// `quantization_config` sets the default storage where there is one like it, and is no reason to
  /// refuse.
  @Test(arguments: [
    (#"{"bits": 4, "quant_method": "awq"}"#, DType.q4_0 as DType?), (#"{"bits": 8}"#, .q8_0),
    (#"{"quant_method": "fp8"}"#, nil),
  ])
  func storedQuantised(storage: String, expected: DType?) throws {
    try Files.withTemporaryFolder { folder in
      var text = try String(contentsOfFile: checkpoint + "/config.json", encoding: .utf8)
      text.replace("{", with: "{\"quantization_config\": \(storage),", maxReplacements: 1)
      try text.write(toFile: folder.path + "/config.json", atomically: false, encoding: .utf8)
      let subject = try ModelSubject.resolve(folder.path)
      #expect(subject.defaultDType == expected)
      #expect(subject.notes.count == 2, "\(subject.notes)")
    }
  }
}
