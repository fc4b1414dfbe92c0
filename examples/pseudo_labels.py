"""The solver as a source of pseudo-labels inside a training loop of your own.

Any encoder will do: only the two lines that call asot are asot's.
"""

import torch
import torch.nn.functional as F

import asot
from asot.data import standardise
from asot.simulation import make_recordings

torch.manual_seed(0)
recordings = make_recordings(6, n_actions=5, n_frames=(150, 250), noise=1.0, random_state=0)
features = [torch.from_numpy(standardise(one.features)) for one in recordings]
padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)  # (B, N, D)
lengths = torch.tensor([len(one) for one in features])

encoder = torch.nn.Sequential(
    torch.nn.Linear(padded.shape[-1], 64), torch.nn.ReLU(), torch.nn.Linear(64, 16)
)
with torch.no_grad():
    frames = F.normalize(encoder(torch.cat(features)), dim=-1)
    centres = frames[torch.randperm(len(frames))[:5]]
actions = torch.nn.Parameter(centres)
optimiser = torch.optim.Adam([*encoder.parameters(), actions], lr=3e-3)

for step in range(61):
    embeddings = F.normalize(encoder(padded), dim=-1)
    similarity = embeddings @ F.normalize(actions, dim=-1).T
    prior = asot.temporal_prior(
        *similarity.shape[1:], order_prior=0.2, lengths=lengths, like=similarity
    )
    solution = asot.solve((1.0 - similarity + prior).detach(), lengths=lengths)
    log_probability = F.log_softmax(similarity / 0.1, dim=-1)
    loss = -(solution.assignment * log_probability).sum() / lengths.sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 20 == 0:
        labels = [one[:n] for one, n in zip(solution.labels, lengths, strict=True)]
        scores = asot.evaluate(labels, recordings.ground_truth)
        print(f"step {step:3}  loss {loss.item():.3f}  frames right {scores['mof']:.1%}")
