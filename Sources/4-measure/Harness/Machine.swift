import Formats
import Machine

/// The threads and kernels that everything of a run uses.
package struct Machine {
  package let topology: Topology
  package let team: ThreadTeam
  package let kernels: KernelTable

  package init(threads: Int?, activations: BF16Activations = .native) throws {
    topology = try Topology()
    team = try ThreadTeam(count: threads, topology: topology)
    kernels = try KernelTable.selected(activations: activations)
    try OpenBLAS.requireMemory(threads: team.count)
  }
}
