import Formats
import Machine
import Model
import Weights

/// What the rows of a step pass through in experts, grouped by expert.
final class ExpertActivations: Sendable {
  /// A row for each visit: of the token, of the gated projection, and of the expert's output, which
  /// takes the place of the token's.
  let gathered, hidden: Activations
  /// The first two where they are not multiplied as f32.
  let rounded, hiddenRounded: RoundedActivations

  /// - Parameter rows: most tokens of a step.
  init(_ architecture: Architecture, rows: Int) throws {
    let (visits, width) = (rows * architecture.mostActive, architecture.widestExpert)
    gathered = try Activations(rows: visits, width: architecture.hiddenSize)
    hidden = try Activations(rows: visits, width: width)
    rounded = try RoundedActivations(rows: visits, width: architecture.hiddenSize)
    hiddenRounded = try RoundedActivations(rows: visits, width: width)
  }

  static func bytes(_ architecture: Architecture, rows: Int) -> Int {
    let visits = saturatingProduct(rows, architecture.mostActive)
    guard visits > 0 else { return 0 }
    return [architecture.hiddenSize, architecture.widestExpert].reduce(0) {
      saturatingSum(
        $0, Activations.bytes(rows: visits, width: $1),
        RoundedActivations.bytes(rows: visits, width: $1))
    }
  }
}

extension Architecture {
  /// Most experts that a token passes in a layer; 0 where there are none.
  var mostActive: Int { layers.kinds.reduce(0) { max($0, $1.experts?.active ?? 0) } }
  var widestExpert: Int { layers.kinds.reduce(0) { max($0, $1.experts?.intermediateSize ?? 0) } }
}

/// One layer's experts in one step: rows are gathered by expert, each expert's weights are read once for
/// all rows that pass it, and the weighted outputs are summed row by row, in the order in which experts
/// were chosen.
struct ExpertPass: Sendable {
  let matmul: Matmul
  let experts: [ModelWeights.ExpertWeights]
  let mixture: Experts
  let choice: ExpertChoice
  let x: Activations
  /// Rows of `x`.
  let m: Int
  let work: ExpertActivations

  private var team: ThreadTeam { matmul.team }
  private var kernels: KernelTable { matmul.kernels }

  /// Replaces `y`, or adds to it.
  func run(into y: Activations, accumulate: Bool) {
    let (gateUp, next) = (experts[0].gateUp, experts[0].down)
    let (up, down) = (gateUp.parts[gateUp.parts.count - 1], next.parts[0])
    gather()
    if let gate = Matmul.GatedProjection(gateUp, mixture.activation).apartGate {
      quantize(for: gate)
      forEachColumn(gate.rows, chunk: matmul.chunk(gate, typicalRows)) { rank, group, range in
        multiply(
          experts[group.expert].gateUp, operand(group, for: gate), group.visits, range,
          into: work.hidden, rank)
      }
    }
    quantize(for: up)
    let rounded = matmul.wantsRoundedOnly(next) ? work.hiddenRounded : nil
    forEachColumn(up.rows, chunk: matmul.gatedChunk(up, typicalRows)) { rank, group, range in
      let expert = experts[group.expert]
      matmul.multiply(
        Matmul.GatedProjection(expert.gateUp, mixture.activation), range, operand(group, for: up),
        group.visits.count, into: work.hidden, firstRow: group.visits.lowerBound,
        rounded: rounded, for: expert.down, rank: rank)
    }
    if rounded == nil, matmul.wantsRounded(down) {
      work.hiddenRounded.fill(
        work.hidden, choice.visits.count, down.columns, down.dtype, team, kernels)
    }
    forEachColumn(down.rows, chunk: matmul.chunk(down, typicalRows)) { rank, group, range in
      let first = group.visits.lowerBound
      let operand = Operand(
        values: work.hidden.row(first), stride: work.hidden.stride,
        rounded: work.hiddenRounded.base + first * roundedStride(down))
      multiply(
        experts[group.expert].down, operand, group.visits, range, into: work.gathered, rank)
    }
    sum(into: y, accumulate)
  }

  /// Rows that a chosen expert has, on average.
  private var typicalRows: Int { max(1, choice.visits.count / choice.groups.count) }

  /// Whether an expert reads its only row where it lies.
  private func isDirect(_ group: ExpertChoice.Group) -> Bool {
    group.visits.count == 1 && !mixture.router.scalesInput
  }

  private func operand(_ group: ExpertChoice.Group, for matrix: Matrix) -> Operand {
    let first = group.visits.lowerBound
    guard isDirect(group) else {
      return Operand(
        values: work.gathered.row(first), stride: work.gathered.stride,
        rounded: work.rounded.base + first * roundedStride(matrix))
    }
    let row = choice.visits[first].row
    return Operand(
      values: x.row(row), stride: x.stride,
      rounded: matmul.roundedInputs.base + row * roundedStride(matrix))
  }

  /// Bytes from one row of a matrix's inputs to the next, where they are not f32.
  private func roundedStride(_ matrix: Matrix) -> Int {
    matmul.wantsRounded(matrix)
      ? RoundedActivations.stride(matrix.columns, matrix.dtype, kernels) : 0
  }

  private func forEachGatheredVisit(_ body: @Sendable (_ visit: Int) -> Void) {
    let groups = choice.groups
    @Sendable func visit(_ group: ExpertChoice.Group) {
      if !isDirect(group) { group.visits.forEach(body) }
    }
    guard choice.visits.count > 16 else { return groups.forEach(visit) }
    team.run { rank in groups[team.slice(groups.count, rank: rank)].forEach(visit) }
  }

  /// Puts the rows of an expert next to each other.
  private func gather() {
    forEachGatheredVisit { index in
      let visit = choice.visits[index]
      let (source, destination) = (x.row(visit.row), work.gathered.row(index))
      guard mixture.router.scalesInput else {
        return destination.update(from: source, count: x.width)
      }
      for i in 0..<x.width { destination[i] = visit.weight * source[i] }
    }
  }

  /// Activations as the weights want them, where that is not f32.
  private func quantize(for matrix: Matrix) {
    guard matmul.wantsRounded(matrix) else { return }
    guard !mixture.router.scalesInput else {
      return work.rounded.fill(
        work.gathered, choice.visits.count, matrix.columns, matrix.dtype, team, kernels)
    }
    matmul.roundedInputs.fill(x, m, matrix.columns, matrix.dtype, team, kernels)
    let bytes = roundedStride(matrix)
    forEachGatheredVisit { index in
      (work.rounded.base + index * bytes).copyMemory(
        from: matmul.roundedInputs.base + choice.visits[index].row * bytes, byteCount: bytes)
    }
  }

  /// Calls `body` with ranges of each chosen expert's `columns`, on the threads.
  private func forEachColumn(
    _ columns: Int, chunk: Int,
    _ body: @Sendable (_ rank: Int, _ group: ExpertChoice.Group, _ range: Range<Int>) -> Void
  ) {
    let grain = ModelWeights.rowGrain
    let width = (columns + grain - 1) / grain * grain
    let groups = choice.groups
    team.share(groups.count * width, grain: grain, chunk: chunk) { rank, range in
      var start = range.lowerBound
      while start < range.upperBound {
        let group = start / width
        let end = min(range.upperBound, (group + 1) * width)
        let part = start - group * width..<min(columns, end - group * width)
        if !part.isEmpty { body(rank, groups[group], part) }
        start = end
      }
    }
  }

  /// Some columns of a projection's first matrix, of all rows of an expert.
  private func multiply(
    _ linear: Linear, _ x: Operand, _ rows: Range<Int>, _ range: Range<Int>, into y: Activations,
    _ rank: Int
  ) {
    if let bias = linear.bias {
      for row in rows {
        (y.row(row) + range.lowerBound).update(
          from: bias.base + range.lowerBound, count: range.count)
      }
    }
    matmul.multiply(
      linear.parts[0], range, x, rows.count, y.row(rows.lowerBound) + range.lowerBound, y.stride,
      linear.bias != nil, matmul.scratch[rank].base)
  }

  private func sum(into y: Activations, _ accumulate: Bool) {
    let width = x.width
    @Sendable func sum(_ row: Int) {
      let total = y.row(row)
      if !accumulate { total.update(repeating: 0, count: width) }
      for place in choice.places(ofRow: row, of: mixture) {
        let (values, weight) = (
          work.gathered.row(place), mixture.router.scalesInput ? 1 : choice.visits[place].weight
        )
        for i in 0..<width { total[i] += weight * values[i] }
      }
    }
    guard m > 1 else { return sum(0) }
    team.run { rank in team.slice(m, rank: rank).forEach(sum) }
  }
}
