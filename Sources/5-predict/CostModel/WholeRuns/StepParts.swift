import Model

/// What a step of an engine takes on the device, by its parts: for those who make up steps one by one.
/// The engine's host work is not in it.
///
/// A step of several prompts' chunks and of decoding sequences is
/// `tokens(all of them) + logits(finished prompts and decodes) + prompts(…)… + decodes(…)`: attention is
/// priced by its kernels, all else by rows. Not shared between threads.
public final class StepParts {
  /// How the device's memory is spent.
  public let plan: MemoryPlan
  private let model: EndToEndModel
  private let program: DeviceProgram
  private let none: Double

  /// - Parameters:
  ///   - predictor: of the device, engine and dtypes.
  ///   - workload: whose sequences the memory is planned for.
  /// - Throws: `InputError` where the devices cannot share the layers or its positions are too few.
  public init(
    _ predictor: Predictor, _ architecture: Architecture, for workload: ServingWorkload
  ) throws {
    let workload = try workload.validated()
    try architecture.check(positions: workload.positions)
    try TensorParallelism.check(
      architecture, devices: predictor.settings.tensorParallel,
      experts: predictor.settings.sharing, group: predictor.group)
    program = DeviceProgram(predictor.settings.sharing)
    program.become(architecture, devices: predictor.settings.tensorParallel)
    plan = predictor.plan(architecture, program, workload)
    model = predictor.model
    model.operators.begin(program)
    none = model.operators.secondsBesideAttention(tokens: 1, logitsRows: 0)
  }

  /// Seconds of what is done for each token, without attention.
  public func tokens(_ count: Int) -> Double {
    model.operators.begin(program)
    return model.operators.secondsBesideAttention(tokens: count, logitsRows: 0)
  }

  /// Seconds of the final norm and the head.
  public func logits(_ rows: Int) -> Double {
    guard rows > 0 else { return 0 }
    model.operators.begin(program)
    return model.operators.secondsBesideAttention(tokens: 1, logitsRows: rows) - none
  }

  /// Seconds in which devices wait for what others computed.
  public func collectives(tokens: Int, logits: Int) -> Double {
    model.collectives(program, tokens: tokens, logitsRows: logits)
  }

  /// Seconds of attention of all layers: `count` prompts of `new` tokens after `cached` ones.
  public func prompts(_ count: Int, cached: Int, new: Int) -> Double {
    model.attention(program, sequences: count, cached: cached, new: new)
  }

  /// Seconds of attention of all layers: one token of each sequence, that sees `context` positions.
  public func decodes(_ sequences: Int, context: Int) -> Double {
    model.attention(program, sequences: sequences, cached: max(0, context - 1), new: 1)
  }
}

extension EndToEndModel {
  func attention(_ program: DeviceProgram, sequences: Int, cached: Int, new: Int) -> Double {
    var seconds = 0.0
    for (heads, count) in program.contents.attentions {
      let step = AttentionStep(heads: heads, sequences: sequences, cached: cached, new: new)
      seconds += Double(count) * operators.attentionSeconds(step)
    }
    for (attention, count) in program.contents.latentAttentions {
      let shape = StepExtent.even(batch: sequences, cached: cached, new: new).shape(attention)
      seconds += Double(count) * operators.seconds(shape)
    }
    return seconds
  }
}
